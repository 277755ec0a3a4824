"""Samples on disk: SQLite in WAL mode, one writer, many reading processes.

A sample is known by signal, SourceTimestamp and epoch; the same one twice is stored once. The writer numbers what it
stores, per reactor and without holes, and keeps an outbox of what still has to be published. Each `append` is one
transaction: durable over kill -9 of any process when it returns (synchronous=NORMAL; a power cut may take the last
transactions, never the file).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from plant.names import split_signal
from plant.sample import Sample
from timeseries.layout import open_for_writing, transaction
from timeseries.outbox import Outbox

BOOLEAN = 1


@dataclass(frozen=True, slots=True)
class SignalInfo:
    """What the store knows of a signal."""

    name: str
    unit: str
    data_type: int
    """Built-in type (OPC 10000-6 v1.05 §5.1.2)."""
    stepped: bool = False
    """True where a value holds until the next one (OPC 10000-13 v1.05 §3.1.8)."""


class Store:
    """The writing side; used from one thread."""

    def __init__(self, path: Path) -> None:
        self._connection = open_for_writing(path)
        self.outbox = Outbox(self._connection)
        self._ids: dict[str, int] = dict(self._connection.execute("SELECT name, id FROM signal"))
        self._seqs: dict[str, int] = dict(self._connection.execute("SELECT reactor, seq FROM numbering"))
        self._newest: dict[int, tuple[int, int]] = {
            number: (epoch, time)
            for number, epoch, time in self._connection.execute(
                "SELECT id, newest_epoch, newest_time FROM signal WHERE newest_time IS NOT NULL"
            )
        }

    def close(self) -> None:
        """Fold the log into the file and close it; on a full disk the log stays for the next start."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def declare(self, signals: Iterable[SignalInfo]) -> None:
        """Make signals known, or correct what is known of them."""
        with transaction(self._connection) as connection:
            connection.executemany(
                "INSERT INTO signal (name, unit, stepped, data_type) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE "
                "SET unit = excluded.unit, stepped = excluded.stepped, data_type = excluded.data_type",
                [(info.name, info.unit, info.stepped, info.data_type) for info in signals],
            )
        self._ids = dict(self._connection.execute("SELECT name, id FROM signal"))

    def newest(self) -> dict[str, tuple[int, int]]:
        """Return epoch and SourceTimestamp of the newest sample of each signal that has one."""
        return {name: self._newest[number] for name, number in self._ids.items() if number in self._newest}

    def open_gaps(self, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Note that samples may be missing from now on; return epoch and time up to which each signal is complete.

        A gap that is open already begins where it began.
        """
        newest = self.newest()
        rows = [(self._ids[name], *newest.get(name, (0, 0))) for name in names]
        with transaction(self._connection) as connection:
            connection.executemany("INSERT OR IGNORE INTO gap (signal, epoch, time) VALUES (?, ?, ?)", rows)
        query = "SELECT name, epoch, time FROM gap JOIN signal ON signal.id = gap.signal"
        gaps = {name: (epoch, time) for name, epoch, time in self._connection.execute(query)}
        return {name: gaps[name] for name in names}

    def close_gap(self, name: str) -> None:
        """Note that nothing of a signal is missing any more."""
        self._connection.execute("DELETE FROM gap WHERE signal = ?", (self._ids[name],))

    def newest_time(self) -> int:
        """Return the newest SourceTimestamp of the newest epoch, 0 when empty."""
        return max(self._newest.values(), default=(0, 0))[1]

    def append(self, samples: Sequence[Sample]) -> list[Sample]:
        """Store samples in one transaction and return the new ones, numbered; duplicates are left out.

        Raises:
            sqlite3.Error: when nothing of it was stored, e.g. on a full disk; it may be tried again.
        """
        fresh: list[Sample] = []
        seqs = dict(self._seqs)
        newest: dict[int, tuple[int, int]] = {}
        seen: set[tuple[int, int, int]] = set()
        for sample in samples:
            number, when = self._ids[sample.signal], (sample.epoch, sample.source_time)
            known = newest.get(number, self._newest.get(number, (-1, -1)))
            place = (number, sample.source_time, sample.epoch)
            if place in seen or (when <= known and self._exists(*place)):
                continue
            seen.add(place)
            reactor, _ = split_signal(sample.signal)
            seqs[reactor] = seqs.get(reactor, 0) + 1
            newest[number] = max(known, when)
            fresh.append(
                Sample(
                    sample.source_time, sample.signal, sample.value, sample.quality, sample.server_time,
                    sample.epoch, seqs[reactor],
                )
            )  # fmt: skip
        if fresh:
            self._write(fresh, seqs, newest)
            self._seqs = seqs
            self._newest.update(newest)
        return fresh

    def names(self) -> list[str]:
        """Return all signals."""
        return list(self._ids)

    def forget(self, name: str, before: int, at_most: int) -> int:
        """Delete a signal's oldest samples before a time, some at once and never its newest; return how many."""
        number = self._ids[name]
        epoch, time = self._newest.get(number, (-1, -1))
        cursor = self._connection.execute(
            "DELETE FROM sample WHERE (signal, time, epoch) IN (SELECT signal, time, epoch FROM sample "
            "WHERE signal = ? AND time < ? AND NOT (time = ? AND epoch = ?) ORDER BY time LIMIT ?)",
            (number, before, time, epoch, at_most),
        )
        return cursor.rowcount

    def used_bytes(self) -> int:
        """Return how much of the file the samples use; what waits in the outbox has a share of its own."""
        pages, free, size = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size) - self.outbox.waiting.bytes

    def oldest(self) -> int | None:
        """Return the oldest SourceTimestamp of all that may be forgotten."""
        query = "SELECT time FROM sample WHERE signal = ? AND NOT (time = ? AND epoch = ?) ORDER BY time LIMIT 1"
        found = (
            self._connection.execute(query, (number, time, epoch)).fetchone()
            for number, (epoch, time) in self._newest.items()
        )
        return min((row[0] for row in found if row is not None), default=None)

    def _exists(self, signal: int, time: int, epoch: int) -> bool:
        query = "SELECT 1 FROM sample WHERE signal = ? AND time = ? AND epoch = ?"
        return self._connection.execute(query, (signal, time, epoch)).fetchone() is not None

    def _write(self, samples: Sequence[Sample], seqs: dict[str, int], newest: dict[int, tuple[int, int]]) -> None:
        by_reactor: dict[str, list[Sample]] = {}
        for sample in samples:
            by_reactor.setdefault(split_signal(sample.signal)[0], []).append(sample)
        with transaction(self._connection) as connection:
            connection.executemany(
                "INSERT INTO sample (signal, epoch, time, seq, value, status, server_time) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        self._ids[sample.signal], sample.epoch, sample.source_time, sample.seq, sample.value,
                        sample.quality, sample.server_time,
                    )
                    for sample in samples
                ],
            )  # fmt: skip
            connection.executemany(
                "UPDATE signal SET newest_epoch = ?, newest_time = ? WHERE id = ?",
                [(*when, number) for number, when in newest.items()],
            )
            connection.executemany(
                "INSERT INTO numbering (reactor, seq) VALUES (?, ?) "
                "ON CONFLICT (reactor) DO UPDATE SET seq = excluded.seq",
                [(reactor, seqs[reactor]) for reactor in by_reactor],
            )
            waiting = self.outbox.put(by_reactor)
        self.outbox.waiting = waiting
