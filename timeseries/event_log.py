"""The log of anomalies: an event for each beginning and each end, in order of what happened (`events.sqlite`).

Ids rise with each event, over restarts, too. The newest event of a source is never forgotten: it says whether an
anomaly is under way.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

from timeseries.layout import EVENTS, open_for_reading, open_for_writing, transaction


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A beginning or an end; times are ticks."""

    id: int
    time: int
    """Plant time at which it was told."""
    epoch: int
    server_time: int
    """Wall clock."""
    event_id: bytes
    source: str
    """The reactor."""
    is_beginning: bool
    began: int
    """When the anomaly began, plant time."""
    cause: str
    score: float
    """Of a beginning the score then, of an end the worst since."""
    severity: int
    message: str
    ended: int | None = None
    """When it ended, plant time; None of a beginning."""

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands in order."""
        return self.time, self.id


_NAMES = [each.name for each in fields(Occurrence)]
_FIELDS, _ROW = ", ".join(_NAMES), ", ".join("?" * len(_NAMES))
_as_row = attrgetter(*_NAMES)


class EventLog:
    """The writing side: one, whose appends are durable over kill -9 when they return.

    Raises:
        sqlite3.Error: naming a file that cannot be opened, and why.
    """

    def __init__(self, folder: Path) -> None:
        self._file = open_for_writing(folder, EVENTS)

    def close(self) -> None:
        """Fold the journal into the file; on a full disk it stays for the next start."""
        with contextlib.suppress(sqlite3.Error):
            self._file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._file.close()

    def newest(self) -> dict[str, Occurrence]:
        """Return the newest event of each source."""
        query = f"SELECT {_FIELDS} FROM event WHERE id IN (SELECT max(id) FROM event GROUP BY source)"  # noqa: S608
        return {each.source: each for each in map(_occurrence, self._file.execute(query))}

    def append(self, occurrences: Sequence[Occurrence]) -> None:
        """Store events, all of them or none; what is there already stays.

        Raises:
            sqlite3.Error: when nothing of it was stored, e.g. on a full disk; it may be tried again.
        """
        with transaction(self._file) as connection:
            query = f"INSERT OR IGNORE INTO event ({_FIELDS}) VALUES ({_ROW})"  # noqa: S608
            connection.executemany(query, map(_as_row, occurrences))


class EventReader:
    """The reading side; any number of them in any process, each used from one thread at a time."""

    def __init__(self, folder: Path, unwritten: Callable[[], Sequence[Occurrence]] = tuple) -> None:
        """`unwritten` returns events that wait for the disk."""
        self._file = open_for_reading(folder, EVENTS)
        self._unwritten = unwritten

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def page(
        self,
        source: str | None,
        low: int,
        high: int,
        most: int,
        after: tuple[int, int] | None = None,
        *,
        backward: bool = False,
    ) -> list[Occurrence]:
        """Return the first events with low <= time < high, in order of time and id, behind a place if there is one.

        Of one source, or of all where it is None; backward the last ones, in the reverse order.
        """
        waiting = self._unwritten()  # before the file, which they may get into meanwhile
        conditions, arguments = ["time >= ?", "time < ?"], [low, high]
        if after is not None:
            conditions.append(f"(time, id) {'<' if backward else '>'} (?, ?)")
            arguments += after
        of_source = [] if source is None else [source]
        where = " AND ".join(["source = ?", *conditions] if of_source else conditions)
        order = "DESC" if backward else "ASC"
        query = f"SELECT {_FIELDS} FROM event WHERE {where} ORDER BY time {order}, id {order} LIMIT ?"  # noqa: S608
        found = [_occurrence(row) for row in self._file.execute(query, (*of_source, *arguments, most))]
        if waiting:
            there = {each.id for each in found}
            found += [
                each
                for each in waiting
                if each.id not in there
                and low <= each.time < high
                and source in (None, each.source)
                and (after is None or (each.place < after if backward else each.place > after))
            ]
            found = sorted(found, key=lambda each: each.place, reverse=backward)[:most]
        return found


def forget(connection: sqlite3.Connection, before: int) -> None:
    """Remove the events before a time, but for the newest of each source."""
    with transaction(connection):
        newest = "SELECT max(id) FROM event GROUP BY source"
        connection.execute(f"DELETE FROM event WHERE time < ? AND id NOT IN ({newest})", (before,))  # noqa: S608


def _occurrence(row: Sequence[object]) -> Occurrence:
    number, time, epoch, server_time, event_id, source, is_beginning, *rest = row
    return Occurrence(number, time, epoch, server_time, event_id, source, bool(is_beginning), *rest)  # type: ignore[arg-type]
