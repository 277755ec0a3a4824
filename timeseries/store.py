"""The writing side of a store: one process, whose appends are durable when they return.

A sample is known by signal, SourceTimestamp and epoch; the same one twice is stored once. The writer numbers what it
stores, per reactor and without holes.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plant.names import split_signal
from plant.sample import Sample, Scalar
from timeseries import archive, log, recovery, signals
from timeseries.arriving import Arriving, Newest
from timeseries.columns import Columns
from timeseries.layout import ARCHIVE, LOG, open_for_writing, transaction
from timeseries.outbox import Outbox
from timeseries.reading import SEGMENTS, History
from timeseries.same_times import SameTimes
from timeseries.signals import SignalInfo
from timeseries.unpacked import Unpacked


class Store:
    """Used from one thread; archiving, sealing and forgetting go on beside it, in `Upkeep`.

    Raises:
        sqlite3.Error: naming a file that cannot be opened, and why.
    """

    def __init__(self, folder: Path, unpacked: Unpacked | None = None, *, sync: bool = False) -> None:
        """With `sync` an append lasts over a power cut, too; readers of this process may share what is `unpacked`."""
        self._log = open_for_writing(folder, LOG, fold=False, sync=sync)
        with contextlib.closing(open_for_writing(folder, ARCHIVE, sync=True)) as made:
            recovery.settle(folder / SEGMENTS, made, self._log)
        self._history = History(folder, unpacked, as_recorded=True, is_lenient=True)
        log.begin_behind(self._log, archive.progress(self._history.archive))
        self.outbox = Outbox(self._log)
        self._numbering = _Numbering()
        self._newest = Newest()
        self._known: dict[str, tuple[int, SignalInfo]] = {}
        self._infos: dict[int, SignalInfo] = {}
        """The same, by number."""
        self._arriving = Arriving(self._history, self._kinds, self._newest)
        self._learn()
        for signal, epoch, time in self._history.archive.execute("SELECT signal, epoch, time FROM newest"):
            self._newest.note(np.array([signal]), np.array([epoch]), np.array([time]))
        self._numbering.seqs.update(self._history.archive.execute("SELECT reactor, seq FROM numbering"))
        for columns in self._history.logged():
            self._newest.note(columns.signals, columns.epochs, columns.times)
            self._numbering.note(columns)
        self._go_on()

    def close(self) -> None:
        """Fold the log's journal into its file; on a full disk it stays for the next start."""
        self._history.close()
        with contextlib.suppress(sqlite3.Error):
            self._log.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._log.close()

    def declare(self, infos: Iterable[SignalInfo]) -> None:
        """Make signals known, or correct what is known of them."""
        signals.declare(self._log, infos, self._archived_signals())
        self._learn()
        self._go_on()

    def numbers(self, names: Iterable[str]) -> NDArray[np.int32]:
        """Return the numbers of signals that are known."""
        return np.array([self._known[name][0] for name in names], np.int32)

    def names_of(self, numbers: NDArray[np.int32]) -> list[str]:
        """Return the names of signals by their numbers."""
        return [self._infos[number].name for number in numbers.tolist()]

    def types_of(self, numbers: NDArray[np.int32]) -> list[int]:
        """Return the built-in types of signals by their numbers."""
        return [self._infos[number].data_type for number in numbers.tolist()]

    def names(self) -> list[str]:
        """Return all signals."""
        return list(self._known)

    def newest(self) -> dict[str, tuple[int, int]]:
        """Return epoch and SourceTimestamp of the newest sample of each signal that has one."""
        found = {name: self._newest.of(number) for name, (number, _) in self._known.items()}
        return {name: when for name, when in found.items() if when is not None}

    def newest_place(self) -> tuple[int, int]:
        """Return the newest epoch, and the newest SourceTimestamp of it; zeros when empty."""
        return max(self.newest().values(), default=(0, 0))

    def newest_time(self) -> int:
        """Return the newest SourceTimestamp of the newest epoch, 0 when empty."""
        return self.newest_place()[1]

    def open_gaps(self, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Note that samples may be missing from now on; return epoch and time up to which each signal is complete.

        A gap that is open already begins where it began.
        """
        newest = self.newest()
        rows = [(self._known[name][0], *newest.get(name, (0, 0))) for name in names]
        with transaction(self._log) as connection:
            connection.executemany("INSERT OR IGNORE INTO gap (signal, epoch, time) VALUES (?, ?, ?)", rows)
        gaps = {
            signal: (epoch, time) for signal, epoch, time in self._log.execute("SELECT signal, epoch, time FROM gap")
        }
        return {name: gaps[self._known[name][0]] for name in names}

    def close_gaps(self, names: Sequence[str]) -> None:
        """Note that nothing of some signals is missing any more."""
        with transaction(self._log) as connection:
            connection.executemany("DELETE FROM gap WHERE signal = ?", [(self._known[name][0],) for name in names])

    def append(self, columns: Columns, *, historical: bool = False, same_times: SameTimes | None = None) -> Columns:
        """Store samples, all of them or none, and return the new ones, numbered; what was there already is left out.

        `historical` marks what was read back from a source's history. With `same_times` samples may have the time of
        another, and stand behind that.

        Raises:
            sqlite3.Error: when nothing of it was stored, e.g. on a full disk; it may be tried again.
        """
        if same_times is not None:
            columns = same_times.apart(columns, self._arriving)
        fresh = self._arriving.fresh(columns)
        if len(fresh):
            fresh, seqs = self._numbering.numbered(fresh)
            log.append(self._log, fresh, historical=historical)
            self._numbering.seqs = seqs
            self.outbox.added(len(fresh))
        self._arriving.note(fresh)  # also of nothing: what was read for it may be too much to remember
        if same_times is not None:
            same_times.stored()
        return fresh

    def columns(self, samples: Sequence[Sample]) -> Columns:
        """Return samples of signals that are known as columns."""
        known = [self._known[each.signal] for each in samples]
        return Columns.of(
            len(samples),
            {
                row: each.value
                for row, each in enumerate(samples)
                if isinstance(each.value, str) and known[row][1].is_text
            },
            signals=[number for number, _ in known],
            epochs=[each.epoch for each in samples],
            times=[each.source_time for each in samples],
            server_times=[each.server_time for each in samples],
            statuses=[each.quality for each in samples],
            words=[info.word(each.value) for each, (_, info) in zip(samples, known, strict=True)],
            seqs=[each.seq for each in samples],
        )

    def by_reactor(self, columns: Columns) -> list[tuple[str, Columns]]:
        """Return each reactor's samples, in the same order."""
        return self._numbering.parted(columns)

    def values(self, columns: Columns) -> list[Scalar | None]:
        """Return the plain value of each sample; a Bad one has none."""
        return signals.values(columns, self._infos)

    def samples(self, columns: Columns) -> list[Sample]:
        """Return columns as samples, in the same order."""
        return signals.samples(columns, self._infos)

    def take_over(self, samples: Sequence[Sample]) -> None:
        """Store samples of another store, with the numbers that they have."""
        columns = self.columns(samples)
        log.append(self._log, columns)
        self._numbering.note(columns)
        self._arriving.note(columns)
        self.outbox.added(len(columns))

    def take_over_gaps(self, gaps: Sequence[tuple[str, int, int]]) -> None:
        """Keep the gaps of another store: of each a name, and the epoch and time where it begins."""
        rows = [(self._known[name][0], epoch, time) for name, epoch, time in gaps]
        with transaction(self._log) as connection:
            connection.executemany("INSERT OR IGNORE INTO gap (signal, epoch, time) VALUES (?, ?, ?)", rows)

    def _learn(self) -> None:
        self._known = signals.present(self._log)
        self._infos.update(signals.all_of(self._log))
        numbers = [(number, split_signal(info.name)[0]) for number, info in self._infos.items()]
        self._numbering.learn(numbers)
        self._arriving.learn(len(self._infos))
        self._newest.grow(max([self._archived_signals(), *(number for number, _ in numbers)]))

    def _go_on(self) -> None:
        """Have a signal that has changed its type go on from the newest sample that it had before, and from its gap."""
        present = {name: number for name, (number, _) in self._known.items()}
        before = {number: present[info.name] for number, info in self._infos.items() if number != present[info.name]}
        for number, now in before.items():
            if (place := self._newest.of(number)) is not None:
                self._newest.note(*(np.array([each]) for each in (now, *place)))
        gaps = [gap for gap in self._log.execute("SELECT signal, epoch, time FROM gap") if gap[0] in before]
        if gaps:
            with transaction(self._log) as connection:
                connection.executemany("DELETE FROM gap WHERE signal = ?", [gap[:1] for gap in gaps])
                rows = [(before[number], epoch, time) for number, epoch, time in gaps]
                connection.executemany(
                    "INSERT INTO gap (signal, epoch, time) VALUES (?, ?, ?) ON CONFLICT (signal) DO UPDATE "
                    "SET epoch = excluded.epoch, time = excluded.time "
                    "WHERE (excluded.epoch, excluded.time) < (gap.epoch, gap.time)",
                    rows,
                )

    def _kinds(self, number: int) -> list[tuple[int, SignalInfo]]:
        return signals.kinds(self._log, self._infos[number].name)

    def _archived_signals(self) -> int:
        """Return the highest number of a signal in the archive: a log that was lost or put back may not know it."""
        (highest,) = self._history.archive.execute("SELECT coalesce(max(signal), 0) FROM newest").fetchone()
        return int(highest)


class _Numbering:
    """The count of each reactor's samples."""

    def __init__(self) -> None:
        self.seqs: dict[str, int] = {}
        self._reactors: list[str] = []
        self._reactor_of = np.zeros(1, np.intp)
        """Of a signal's number, the place of its reactor."""

    def learn(self, numbers: Sequence[tuple[int, str]]) -> None:
        """Learn whose signals are whose."""
        self._reactors = sorted({reactor for _, reactor in numbers})
        places = {reactor: place for place, reactor in enumerate(self._reactors)}
        self._reactor_of = np.zeros(max((number for number, _ in numbers), default=0) + 1, np.intp)
        for number, reactor in numbers:
            self._reactor_of[number] = places[reactor]

    def note(self, columns: Columns) -> None:
        """Learn how far samples are numbered."""
        places = self._reactor_of[columns.signals]
        for place in np.unique(places).tolist():
            reactor = self._reactors[place]
            self.seqs[reactor] = max(self.seqs.get(reactor, 0), int(columns.seqs[places == place].max()))

    def parted(self, columns: Columns) -> list[tuple[str, Columns]]:
        """Return each reactor's samples."""
        places = self._reactor_of[columns.signals]
        order = np.argsort(places, kind="stable")
        edges = np.flatnonzero(np.diff(places[order], prepend=-1, append=-1)).tolist()
        found = []
        for first, last in itertools.pairwise(edges):
            rows = order[first:last]
            found.append((self._reactors[places[rows[0]]], columns.take(rows)))
        return found

    def numbered(self, columns: Columns) -> tuple[Columns, dict[str, int]]:
        """Return samples with the numbers that follow, and the counts when they are stored."""
        places = self._reactor_of[columns.signals]
        order = np.argsort(places, kind="stable")
        present, first, counts = np.unique(places[order], return_index=True, return_counts=True)
        reactors = [self._reactors[place] for place in present.tolist()]
        before = np.array([self.seqs.get(reactor, 0) for reactor in reactors], np.int64)
        seqs = np.empty(len(columns), np.int64)
        seqs[order] = np.arange(1, len(columns) + 1) + np.repeat(before - first, counts)
        ends = (before + counts).tolist()
        return columns.with_seqs(seqs), self.seqs | dict(zip(reactors, ends, strict=True))
