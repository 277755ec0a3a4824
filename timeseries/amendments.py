"""The reading side of what was changed: laid over samples wherever these are; a store without changes has none."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timeseries.amended import FIELDS, Author, Change, Modification, Modifications, Overlay, columns_of
from timeseries.layout import AMENDMENTS, open_for_reading, transaction

LEAST = 1_000
"""So many amendments are read at once, however few samples are wanted."""
_PLACE = "signal = ? AND time >= ? AND time < ?"


class Amendments:
    """Of one store, used from one thread at a time; looks for the file until there is one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = str(folder / AMENDMENTS.file)
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close it."""
        if self._connection is not None:
            self._connection.close()

    def are_there(self) -> bool:
        """Tell whether anything was ever changed."""
        return self._there() is not None

    def edge(self, signal: int, low: int, high: int, most: int, *, backward: bool) -> int:
        """Return up to (or from) where a span has about `most` amendments: its end where it has fewer."""
        end = low if backward else high
        connection = self._there()
        if connection is None:
            return end
        order = "DESC" if backward else "ASC"
        query = f"SELECT time FROM amendment WHERE {_PLACE} ORDER BY time {order} LIMIT 1 OFFSET ?"  # noqa: S608
        found = connection.execute(query, (signal, low, high, max(most, LEAST))).fetchone()
        if found is None:
            return end
        return int(found[0]) if backward else int(found[0]) + 1

    def overlay(self, signal: int, low: int, high: int) -> Overlay | None:
        """Return the amendments with low <= time < high, if there are any."""
        connection = self._there()
        if connection is None:
            return None
        query = f"SELECT {FIELDS}, is_deleted FROM amendment WHERE {_PLACE} ORDER BY time, epoch"  # noqa: S608
        rows = connection.execute(query, (signal, low, high)).fetchall()
        if not rows:
            return None
        return Overlay(columns_of(signal, rows), np.array([row[-1] for row in rows], np.bool_))

    def first_time(self) -> int | None:
        """Return the time of the oldest sample that an amendment has."""
        connection = self._there()
        if connection is None:
            return None
        found: int | None = connection.execute("SELECT min(time) FROM amendment WHERE NOT is_deleted").fetchone()[0]
        return found

    def newest(self, signal: int) -> tuple[int, int] | None:
        """Return epoch and time of the newest sample that an amendment has."""
        connection = self._there()
        if connection is None:
            return None
        query = "SELECT epoch, time FROM amendment WHERE signal = ? AND NOT is_deleted ORDER BY 1 DESC, 2 DESC LIMIT 1"
        found: tuple[int, int] | None = connection.execute(query, (signal,)).fetchone()
        return found

    def modified_times(self, signal: int, low: int, high: int) -> NDArray[np.int64]:
        """Return the times of which there are modifications, in order."""
        connection = self._there()
        if connection is None:
            return np.empty(0, np.int64)
        query = f"SELECT DISTINCT time FROM modification WHERE {_PLACE} ORDER BY time"  # noqa: S608
        return np.array([time for (time,) in connection.execute(query, (signal, low, high))], np.int64)

    def modifications(
        self, signal: int, low: int, high: int, most: int, after: tuple[int, int] | None = None, *, backward: bool
    ) -> Modifications:
        """Return at most so many modifications behind a time and id, in order of time; of one time the latest first.

        Backward is the same order reversed.
        """
        connection = self._there()
        if connection is None:
            return Modifications((), columns_of(signal, ()))
        behind, arguments = "", [signal, low, high]
        if after is not None:
            behind = f"AND (time {'<' if backward else '>'} ? OR (time = ? AND id {'>' if backward else '<'} ?))"
            arguments += [after[0], after[0], after[1]]
        order = "time DESC, id ASC" if backward else "time ASC, id DESC"
        query = (
            f"SELECT {FIELDS}, id, kind, user, made FROM modification WHERE {_PLACE} {behind} "  # noqa: S608
            f"ORDER BY {order} LIMIT ?"
        )
        rows = connection.execute(query, (*arguments, most)).fetchall()
        infos = [
            Modification(number, row[0], Change(change), Author(user, made))
            for row in rows
            for number, change, user, made in [row[7:]]
        ]
        return Modifications(infos, columns_of(signal, rows))

    def _there(self) -> sqlite3.Connection | None:
        if self._connection is None and os.path.exists(self._path):  # noqa: PTH110 - for every page
            self._connection = open_for_reading(self._folder, AMENDMENTS)
        return self._connection


def forget(connection: sqlite3.Connection, before: int, first_of: Callable[[int], int]) -> None:
    """Remove what is older than a time and older than all that is kept of its signal, all of it or nothing."""
    query = "SELECT signal FROM amendment WHERE time < ? UNION SELECT signal FROM modification WHERE time < ?"
    signals = [signal for (signal,) in connection.execute(query, (before, before))]
    with transaction(connection):
        for signal in signals:
            until = min(before, first_of(signal))
            for table in ("amendment", "modification"):
                connection.execute(f"DELETE FROM {table} WHERE signal = ? AND time < ?", (signal, until))  # noqa: S608
