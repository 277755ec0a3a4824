"""Samples of one signal, wherever they are: sealed, archived, in the log, or changed since; a reader sees no seam.

Each question looks at one state of the archive and at the log behind it. Blocks leave the log only after the archive
has them, so a state that is still the present one when the log has been read is whole; otherwise it is looked at again.
What was changed stands in place of what was recorded, wherever that is by then.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from timeseries import archive, log
from timeseries.amendments import Amendments
from timeseries.columns import Columns
from timeseries.layout import ARCHIVE, LOG, open_for_reading, transaction
from timeseries.packing import Damaged, is_whole, of_chunk
from timeseries.parts import Asked, Part, cut, logged_parts, united
from timeseries.segments import SegmentFile
from timeseries.signals import SignalInfo
from timeseries.unpacked import Unpacked

SEGMENTS = "segments"
"""Folder of the Parquet files."""
FOREVER = 2**62
T = TypeVar("T")
_FILES = 64
"""Of so many it is remembered where in them everything is."""


class History:
    """The reading side; any number of them in any process, each used from one thread at a time."""

    def __init__(
        self,
        folder: Path,
        unpacked: Unpacked | None = None,
        *,
        as_recorded: bool = False,
        is_lenient: bool = False,
        unwritten: Callable[[], Sequence[Columns]] = tuple,
    ) -> None:
        """`as_recorded` is without what was changed since, `is_lenient` without what is damaged; `unwritten` returns
        samples that wait for the disk.
        """
        self.log = open_for_reading(folder, LOG)
        self.archive = open_for_reading(folder, ARCHIVE)
        self._folder = folder / SEGMENTS
        self._files: OrderedDict[str, SegmentFile] = OrderedDict()
        self._unpacked = unpacked if unpacked is not None else Unpacked()
        self.amendments = Amendments(folder)
        self._as_recorded, self._is_lenient = as_recorded, is_lenient
        self._unwritten = unwritten
        self._newest_of = -1, (0, 0)
        """Epoch and time of the newest sample of the archive, and at which progress that was."""

    def close(self) -> None:
        """Close it."""
        self.amendments.close()
        self.log.close()
        self.archive.close()

    def logged(self) -> list[Columns]:
        """Return what is in the log only, block by block, in order of arrival."""

        def look(done: int, unwritten: Sequence[Columns]) -> list[Columns]:
            return [*(each for _, each in self._unpacked.blocks_behind(done, self._blocks)), *unwritten]

        return self._settled(look)

    def arrived(self) -> Columns:
        """Return the same, joined."""
        return self._settled(self._logged)

    def _settled(self, look: Callable[[int, Sequence[Columns]], T]) -> T:
        while True:
            unwritten = self._unwritten()  # before the log, which it may get into meanwhile
            done = archive.progress(self.archive)
            found = look(done, unwritten)
            if archive.progress(self.archive) == done:
                return found

    def newest_time(self) -> int:
        """Return the newest SourceTimestamp of the newest epoch: the present, as far as it is recorded; or 0."""

        def look(done: int, unwritten: Sequence[Columns]) -> tuple[int, int]:
            logged = self._unpacked.newest_behind(done, self._blocks)
            return max([logged, self._archived_newest(done), *(each.newest_place() for each in unwritten)])

        return self._settled(look)[1]

    def read(self, signal: int, info: SignalInfo, low: int, high: int, *, lean: bool = False) -> Columns:
        """Return the samples with low <= time < high, in order of time and epoch, each once; lean or whole."""
        return Columns.joined(list(self.pages(signal, info, low, high, FOREVER, lean=lean)))

    def together(self, asked: Sequence[Asked]) -> list[Columns]:
        """Return what is recorded of many signals, without all that is only shown, with one look at archive and log."""
        return [columns for columns, _ in self._pages(asked, FOREVER, lean=True)] if asked else []

    def pages(
        self,
        signal: int,
        info: SignalInfo,
        low: int,
        high: int,
        most: int = 1_000_000,
        *,
        backward: bool = False,
        lean: bool = False,
    ) -> Iterator[Columns]:
        """Yield the same, some `most` samples at a time, each page in order; backward, the latest page first."""
        while low < high:
            ((columns, edge),) = self._pages([(signal, info, low, high)], most, backward=backward, lean=lean)
            if not self._as_recorded and self.amendments.are_there():
                columns, edge = self._as_amended(columns, signal, low, high, edge, most, backward=backward, lean=lean)
            if len(columns):
                yield columns
            low, high = (low, edge) if backward else (edge, high)

    def first_time(self) -> int | None:
        """Return the time of the oldest sample of all signals, as far as is known without looking at each."""
        found = [int(columns.times.min()) for columns in self.logged() if len(columns)]
        for table in ("chunk", "piece"):
            (first,) = self.archive.execute(f"SELECT min(first) FROM {table}").fetchone()  # noqa: S608
            found += [] if first is None else [first]
        first = self.amendments.first_time()
        return min(found if first is None else [*found, first], default=None)

    def sample(self, signal: int, info: SignalInfo, epoch: int, time: int, *, lean: bool = False) -> Columns:
        """Return one sample that the archive has, or has forgotten."""

        def find() -> Columns:
            found = self.read(signal, info, time, time + 1, lean=lean)
            return found.take(found.epochs == epoch)

        return find() if self.amendments.are_there() else self._unpacked.get((signal, epoch, time, lean), find)

    def cuts(self, signal: int, low: int, high: int, most: int) -> list[int]:
        """Return times that cut a span into parts of about `most` archived samples."""
        found, count = [], 0
        for part in sorted(self._archived(signal, low, high), key=lambda each: each.last):
            count += part.count
            if count >= most:
                found.append(part.last + 1)
                count = 0
        return found

    def edges(
        self, signal: int, info: SignalInfo, low: int, high: int, *, lean: bool = False
    ) -> tuple[int | None, int | None]:
        """Return the time of the last sample at or before `low`, and of the first at or after `high`."""
        before = after = None
        for page in self.pages(signal, info, -FOREVER, low + 1, 1, backward=True, lean=lean):
            before = int(page.times[-1])
            break
        for page in self.pages(signal, info, high, FOREVER, 1, lean=lean):
            after = int(page.times[0])
            break
        return before, after

    def _as_amended(
        self, recorded: Columns, signal: int, low: int, high: int, edge: int, most: int, *, backward: bool, lean: bool
    ) -> tuple[Columns, int]:
        """Return a page with what was changed, shorter where that is much."""
        first, last = (edge, high) if backward else (low, edge)
        edge = self.amendments.edge(signal, first, last, most, backward=backward)
        first, last = (edge, last) if backward else (first, edge)
        overlay = self.amendments.overlay(signal, first, last)
        recorded = recorded.between(first, last)
        if overlay is None:
            return recorded, edge
        return (overlay.lean() if lean else overlay).over(recorded), edge

    def _pages(
        self, asked: Sequence[Asked], most: int, *, backward: bool = False, lean: bool = False
    ) -> list[tuple[Columns, int]]:
        """Return samples at one end of each span, and where the rest of it begins (or ends), all of one state."""
        while True:
            chosen: list[Part] = []
            unwritten = self._unwritten()  # before the log, which it may get into meanwhile
            try:
                with transaction(self.archive, "DEFERRED"):
                    done = archive.progress(self.archive)
                    logged = logged_parts(self._logged(done, unwritten), asked)
                    found = []
                    for (signal, info, low, high), mine in zip(asked, logged, strict=True):
                        parts = self._archived(signal, low, high) + mine
                        edge = cut(parts, low, high, most, backward=backward)
                        first, end = (edge, high) if backward else (low, edge)
                        some = [part for part in parts if part.last >= first and part.first < end]
                        chosen += some
                        whole = [self._readable(part, signal, info, lean=lean) for part in some]
                        found.append((united([each.between(first, end) for each in whole]), edge))
            except Damaged:
                if archive.progress(self.archive) == done and self._knows(chosen):
                    raise
                continue  # a segment that has been forgotten since
            if archive.progress(self.archive) == done:
                return found

    def _archived(self, signal: int, low: int, high: int) -> list[Part]:
        chunks = self.archive.execute(
            "SELECT first, last, count, id FROM chunk WHERE signal = ? AND last >= ? AND first < ?", (signal, low, high)
        )
        parts = [Part(first, last, count, chunk=number) for first, last, count, number in chunks]
        pieces = self.archive.execute(
            "SELECT p.first, p.last, p.count, s.file, p.row_group, s.footer FROM piece p "
            "JOIN segment s ON s.id = p.segment WHERE p.signal = ? AND p.last >= ? AND p.first < ?",
            (signal, low, high),
        )
        for first, last, count, file, row_group, footer in pieces:
            parts.append(Part(first, last, count, segment=file, row_group=row_group, footer=footer))
        return parts

    def _archived_newest(self, done: int) -> tuple[int, int]:
        """Return the newest place of the archive; it changes with its progress only."""
        if self._newest_of[0] != done:
            query = "SELECT epoch, time FROM newest ORDER BY epoch DESC, time DESC LIMIT 1"
            self._newest_of = done, self.archive.execute(query).fetchone() or (0, 0)
        return self._newest_of[1]

    def _logged(self, done: int, unwritten: Sequence[Columns]) -> Columns:
        logged = self._unpacked.samples_behind(done, self._blocks)
        return Columns.joined([logged, *unwritten]) if unwritten else logged

    def _blocks(self, after: int) -> Iterator[tuple[int, Columns]]:
        return log.blocks(self.log, after)

    def _readable(self, part: Part, signal: int, info: SignalInfo, *, lean: bool) -> Columns:
        try:
            return self._columns(part, signal, info, lean=lean)
        except Damaged:
            if self._is_lenient:
                return Columns.of(0)
            raise

    def _columns(self, part: Part, signal: int, info: SignalInfo, *, lean: bool) -> Columns:
        if part.segment:
            piece = partial(self._piece, part, signal, info, lean=lean)
            return self._unpacked.get((part.segment, part.row_group, lean), piece)
        columns = part.columns
        if columns is None:
            columns = self._unpacked.get(part.chunk, partial(self._chunk, part.chunk))
        return columns.lean() if lean else columns

    def _chunk(self, number: int) -> Columns:
        data, crc = self.archive.execute("SELECT data, crc FROM chunk WHERE id = ?", (number,)).fetchone()
        if not is_whole(data, crc):
            path = self._folder.parent / ARCHIVE.file
            message = f"{path}: chunk {number} is not as it was written; put the file back from a copy"
            raise Damaged(message)
        return of_chunk(data)

    def _piece(self, part: Part, signal: int, info: SignalInfo, *, lean: bool) -> Columns:
        path = self._folder / part.segment
        try:
            file = self._files.pop(part.segment, None) or SegmentFile(path, part.footer)
            columns = file.read(part.row_group, signal, info, lean=lean)
        except (OSError, ValueError) as error:
            message = f"{path}: {getattr(error, 'strerror', None) or error}; put the file back from a copy"
            raise Damaged(message) from None
        self._files[part.segment] = file
        if len(self._files) > _FILES:
            self._files.popitem(last=False)
        return columns

    def _knows(self, parts: Sequence[Part]) -> bool:
        """Tell whether the archive still has the segments of some parts."""
        present = {file for (file,) in self.archive.execute("SELECT file FROM segment")}
        return {part.segment for part in parts if part.segment} <= present
