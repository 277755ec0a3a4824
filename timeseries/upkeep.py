"""What goes on beside the appends: the log into the archive, old samples into Parquet, too old ones away.

Each step is done whole or not at all, also when the process is killed within it, and may be tried again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from plant.names import split_signal
from timeseries import amendments, archive, event_log, log, recovery, segments, signals
from timeseries.columns import Columns
from timeseries.layout import AMENDMENTS, ARCHIVE, EVENTS, LOG, Layout, open_for_writing, transaction
from timeseries.packing import is_whole, of_chunk
from timeseries.reading import SEGMENTS
from timeseries.segments import Segment
from timeseries.signals import SignalInfo

_OLD = "NOT EXISTS (SELECT 1 FROM newest n WHERE n.signal = c.signal AND n.time BETWEEN c.first AND c.last)"
"""Of a chunk `c`: it has not its signal's newest sample."""


_AT_ONCE = 1000
"""Chunks that are looked at between two looks at what cannot wait."""


@dataclass(frozen=True, slots=True)
class Unsealed:
    """Bytes of chunks."""

    all: int
    old: int
    middle: int
    """Time half way between the oldest and the newest of it."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is stored, bytes; the log empties by itself."""

    archive_bytes: int
    segment_bytes: int
    amendment_bytes: int = 0
    event_bytes: int = 0

    @property
    def kept(self) -> int:
        """What retention is about."""
        return self.archive_bytes + self.segment_bytes + self.amendment_bytes + self.event_bytes


class Upkeep:
    """Used from one thread; beside the one `Store`, in a process of its own (`timeseries/keeper.py`)."""

    def __init__(self, folder: Path) -> None:
        self._log = open_for_writing(folder, LOG)
        self._archive = open_for_writing(folder, ARCHIVE, sync=True)  # before the log lets go, and files are removed
        self._folder = folder / SEGMENTS
        self._others: dict[str, sqlite3.Connection] = {}
        """Of the files that not every store has."""
        self.lost: list[str] = []
        """Blocks of the log that were damaged."""
        recovery.settle(self._folder, self._archive, self._log)

    def close(self) -> None:
        """Close it."""
        for connection in self._others.values():
            connection.close()
        self._archive.close()
        self._log.close()

    def waiting(self) -> tuple[int, int]:
        """Return how many blocks and samples wait for the archive."""
        query = "SELECT count(*), coalesce(sum(count), 0) FROM block WHERE id > ?"
        blocks, samples = self._log.execute(query, (archive.progress(self._archive),)).fetchone()
        return blocks, samples

    def take_in(self) -> int:
        """Archive what is in the log only, and let go of what is archived and published; return how many samples."""
        before = archive.progress(self._archive)
        count, are_whole = archive.take_in(self._archive, self._log, self._reactors)
        done = archive.progress(self._archive)
        for number, samples in () if are_whole else log.damaged(self._log, before, done):
            self.lost.append(f"{LOG.file}: block {number} is not as it was written, its {samples} samples are lost")
        (read,) = self._log.execute("SELECT min(block) FROM reader").fetchone()
        log.drop(self._log, done if read is None else min(done, read))
        return count

    def newest_time(self) -> int:
        """Return the newest archived SourceTimestamp of the newest epoch, 0 when empty."""
        query = "SELECT time FROM newest ORDER BY epoch DESC, time DESC LIMIT 1"
        return int((self._archive.execute(query).fetchone() or (0,))[0])

    def unsealed(self, before: int) -> Unsealed:
        """Return what could be sealed, and what of it ends before a time."""
        query = (
            "SELECT coalesce(sum(bytes), 0), coalesce(sum(bytes) FILTER (WHERE last < ?), 0), "  # noqa: S608
            f"(coalesce(min(first), 0) + coalesce(max(last), 0)) / 2 FROM chunk AS c WHERE {_OLD}"
        )
        return Unsealed(*self._archive.execute(query, (before,)).fetchone())

    def seal(self, before: int, tell: Callable[[], None] = lambda: None) -> Segment | None:
        """Move the chunks that end before a time into a Parquet file; None where there are none.

        A chunk with the newest sample of its signal stays: more may be put into it, and it is never forgotten.

        Raises:
            OSError: when the file cannot be written, e.g. on a full disk; nothing has changed then.
            sqlite3.Error: likewise.
        """
        query = f"SELECT signal, id FROM chunk AS c WHERE last < ? AND {_OLD} ORDER BY signal, first, id"  # noqa: S608
        chunks: dict[int, list[int]] = {}
        known = self._signals()
        for signal, number in self._archive.execute(query, (before,)):
            if signal in known:
                chunks.setdefault(signal, []).append(number)
        if not chunks:
            return None
        query = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'segment'"
        (last,) = self._archive.execute(query).fetchone()
        made = segments.write(self._folder, f"{last + 1:08d}", self._groups(chunks), tell)
        is_complete = False
        try:
            with transaction(self._archive):
                ids = [(number,) for numbers in chunks.values() for number in numbers]
                is_complete = bool(ids) and self._archive.executemany(
                    "DELETE FROM chunk WHERE id = ?", ids
                ).rowcount == len(ids)
                if is_complete:
                    recovery.put_down(self._archive, made)
        except sqlite3.Error:
            self._discard(made)
            raise
        if not is_complete:  # something has come late for these chunks, while the file was written
            self._discard(made)
        return made if is_complete else None

    def forget(self, before: int) -> int:
        """Remove what ends before a time, but for the newest sample of each signal; return how many samples.

        What was changed is forgotten once there is nothing older of its signal, and events go by their own times.

        Raises:
            sqlite3.Error: when no sample, no amendment or no event is forgotten, e.g. on a full disk; it may be tried
                again.
        """
        with transaction(self._archive):
            query = f"DELETE FROM chunk AS c WHERE last < ? AND {_OLD} RETURNING count"  # noqa: S608
            gone = self._archive.execute(query, (before,)).fetchall()
            gone += self._archive.execute("DELETE FROM piece WHERE last < ? RETURNING count", (before,)).fetchall()
            empty = self._archive.execute(
                "DELETE FROM segment WHERE id NOT IN (SELECT segment FROM piece) RETURNING file"
            ).fetchall()
        for (file,) in empty:
            (self._folder / file).unlink(missing_ok=True)
        self._forget_amendments(before)
        events = self._other(EVENTS)
        if events is not None:
            event_log.forget(events, before)
        return sum(count for (count,) in gone)

    def oldest(self) -> int | None:
        """Return where the oldest of what can be forgotten ends."""
        query = (
            f"SELECT min(last) FROM (SELECT min(last) AS last FROM chunk AS c WHERE {_OLD} "  # noqa: S608
            "UNION ALL SELECT min(last) FROM piece)"
        )
        found: int | None = self._archive.execute(query).fetchone()[0]
        return found

    def size(self) -> Size:
        """Return how much is stored."""
        (sealed,) = self._archive.execute("SELECT coalesce(sum(bytes), 0) FROM segment").fetchone()
        files = [self._other(layout) for layout in (AMENDMENTS, EVENTS)]
        others = [_used_bytes(file) if file is not None else 0 for file in files]
        return Size(_used_bytes(self._archive), sealed, *others)

    def damaged(self, tell: Callable[[], None] = lambda: None) -> list[str]:
        """Return the segments and chunks that are not as they were written, each with what is wrong."""
        found = []
        for file, wanted in self._archive.execute("SELECT file, checksum FROM segment ORDER BY id").fetchall():
            path = self._folder / file
            try:
                if segments.checksum(path) != wanted:
                    found.append(f"{path}: its checksum is not that of the file that was written")
            except OSError as error:
                found.append(f"{path}: {error.strerror}")
            tell()
        (last,) = self._archive.execute("SELECT coalesce(max(id), 0) FROM chunk").fetchone()
        for start in range(0, last, _AT_ONCE):
            query = "SELECT id, data, crc FROM chunk WHERE id > ? AND id <= ?"
            rows = self._archive.execute(query, (start, start + _AT_ONCE)).fetchall()
            damaged = [number for number, data, crc in rows if not is_whole(data, crc)]
            found += [f"{ARCHIVE.file}: chunk {number} is not as it was written" for number in damaged]
            tell()
        return found

    def checkpoint(self) -> None:
        """Fold the journals into their files as far as readers allow."""
        for connection in (self._log, self._archive):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _other(self, layout: Layout) -> sqlite3.Connection | None:
        """Return a file that not every store has, where it is there."""
        if layout.file not in self._others and (self._folder.parent / layout.file).exists():
            self._others[layout.file] = open_for_writing(self._folder.parent, layout)
        return self._others.get(layout.file)

    def _forget_amendments(self, before: int) -> None:
        connection = self._other(AMENDMENTS)
        if connection is None:
            return
        amendments.forget(connection, before, lambda signal: min(self._firsts(signal), default=before))

    def _firsts(self, signal: int) -> Iterator[int]:
        """Yield where what is kept of a signal begins: in the archive, sealed, and in each block of the log."""
        for table in ("chunk", "piece"):
            query = f"SELECT min(first) FROM {table} WHERE signal = ?"  # noqa: S608
            (first,) = self._archive.execute(query, (signal,)).fetchone()
            if first is not None:
                yield first
        for _, columns in log.blocks(self._log, archive.progress(self._archive)):
            times = columns.times[columns.signals == signal]
            if len(times):
                yield int(times.min())

    def _discard(self, made: Segment) -> None:
        """Remove a file that nobody has registered, as a next start does that comes before this has ended."""
        with transaction(self._archive):
            if not self._archive.execute("SELECT 1 FROM segment WHERE file = ?", (made.file,)).fetchone():
                (self._folder / made.file).unlink()

    def _groups(self, chunks: dict[int, list[int]]) -> Iterator[tuple[SignalInfo, Columns]]:
        infos = self._signals()
        for signal, numbers in chunks.items():
            found = [
                (each, self._archive.execute("SELECT data, crc FROM chunk WHERE id = ?", (each,)).fetchone())
                for each in numbers
            ]
            numbers[:] = [number for number, row in found if row is None or is_whole(*row)]
            parts = [of_chunk(row[0]) for _, row in found if row is not None and is_whole(*row)]
            if parts:
                yield infos[signal], Columns.joined(parts).in_order()

    def _signals(self) -> dict[int, SignalInfo]:
        return signals.all_of(self._log)

    def _reactors(self) -> dict[int, str]:
        return {number: split_signal(info.name)[0] for number, info in self._signals().items()}


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
