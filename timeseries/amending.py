"""The writing side of what is changed: each call is done whole or not at all, and durable when it returns.

Samples that are recorded stay as they are; what stands in their place is written beside them (`amendments.sqlite`),
with what it was before. Also over a power cut (synchronous=FULL): what people change is little, and not to be lost.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timeseries.amended import FIELDS, Author, Change, Row, columns_of, rows_of
from timeseries.columns import Columns
from timeseries.layout import AMENDMENTS, make, open_for_writing, transaction
from timeseries.reading import History
from timeseries.signals import SignalInfo
from timeseries.spans import near
from timeseries.unpacked import Unpacked

PAGE = 50_000
_PLACES = ", ".join("?" * 8)
_AMEND = f"INSERT OR REPLACE INTO amendment (signal, {FIELDS}, is_deleted) VALUES ({_PLACES}, ?)"  # noqa: S608
_NOTE = f"INSERT INTO modification (signal, {FIELDS}, made, kind, user) VALUES ({_PLACES}, ?, ?, ?)"  # noqa: S608


class Outcome(Enum):
    """What has become of one value."""

    INSERTED = auto()
    REPLACED = auto()
    IS_THERE = auto()
    """Not inserted: there is one of that time."""
    IS_NOT_THERE = auto()
    """Not replaced, or deleted: there is none of that time."""
    DELETED = auto()


class TooMany(Exception):  # noqa: N818
    """More would be deleted than is allowed at once; nothing was."""


@dataclass(frozen=True, slots=True)
class Amended:
    """What has become of each value, and what was there before."""

    outcomes: Sequence[Outcome]
    before: Columns


class Amender:
    """Used from one thread of one process at a time, which has the store's `Store`.

    Every method raises sqlite3.Error when nothing of the call was done, e.g. on a full disk, and `Damaged`.
    """

    def __init__(self, folder: Path, unpacked: Unpacked | None = None) -> None:
        self._folder = folder
        self._history = History(folder, unpacked)
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close it."""
        self._history.close()
        if self._connection is not None:
            self._connection.close()

    def put(self, number: int, info: SignalInfo, values: Columns, change: Change, author: Author) -> Amended:
        """Insert values, replace others by them, or either (UPDATE), one after the other."""
        outcomes, before = [], []
        with transaction(self._file()) as connection:
            present = self._latest(number, info, values.times)
            for row in rows_of(values):
                old = present.get(row[0])
                if change is Change.REPLACE and old is None:
                    outcomes.append(Outcome.IS_NOT_THERE)
                elif change is Change.INSERT and old is not None:
                    outcomes.append(Outcome.IS_THERE)
                else:
                    new = row if old is None else _in_place_of(old, row)
                    noted, done = (new, Change.INSERT) if old is None else (old, change)
                    connection.execute(_NOTE, (number, *noted, author.time, done, author.user))
                    connection.execute(_AMEND, (number, *new, False))
                    outcomes.append(Outcome.INSERTED if old is None else Outcome.REPLACED)
                    before += [] if old is None else [old]
                    present[row[0]] = new
        return Amended(outcomes, columns_of(number, before))

    def delete(self, number: int, info: SignalInfo, low: int, high: int, author: Author, most: int) -> Columns:
        """Delete the samples with low <= time < high, and return what they were.

        Raises:
            TooMany: when these are more than `most`.
        """
        gone: list[Columns] = []
        with transaction(self._file()) as connection:
            for page in self._history.pages(number, info, low, high, PAGE):
                gone.append(page)
                if sum(map(len, gone)) > most:
                    raise TooMany
                _delete(connection, number, rows_of(page), author)
        return Columns.joined([Columns.of(0), *gone])

    def delete_at(self, number: int, info: SignalInfo, times: Sequence[int], author: Author) -> Amended:
        """Delete what there is of some times, one after the other, and what is known of earlier changes to it.

        What is known stays where there is nothing any more: what was deleted, and by whom.
        """
        outcomes, before = [], []
        with transaction(self._file()) as connection:
            there = self._all(number, info, np.array(times, np.int64))
            present = {time: list(rows) for time, rows in itertools.groupby(rows_of(there), lambda row: row[0])}
            for time in times:
                rows = present.pop(time, [])
                if rows:
                    connection.execute("DELETE FROM modification WHERE signal = ? AND time = ?", (number, time))
                    _delete(connection, number, rows, author)
                before += rows
                outcomes.append(Outcome.DELETED if rows else Outcome.IS_NOT_THERE)
        return Amended(outcomes, columns_of(number, before))

    def forget_modifications(self, number: int, low: int, high: int) -> Columns:
        """Delete what is known of changes to samples with low <= time < high, and return it."""
        with transaction(self._file()) as connection:
            query = f"DELETE FROM modification WHERE signal = ? AND time >= ? AND time < ? RETURNING {FIELDS}"  # noqa: S608
            return columns_of(number, sorted(connection.execute(query, (number, low, high)).fetchall()))

    def _file(self) -> sqlite3.Connection:
        if self._connection is None:
            make(self._folder, AMENDMENTS)
            self._connection = open_for_writing(self._folder, AMENDMENTS)
            self._connection.execute("PRAGMA synchronous=FULL")
        return self._connection

    def _latest(self, number: int, info: SignalInfo, times: NDArray[np.int64]) -> dict[int, Row]:
        """Return by time what is there, of the latest epoch."""
        return {row[0]: row for row in rows_of(self._all(number, info, times))}

    def _all(self, number: int, info: SignalInfo, times: NDArray[np.int64]) -> Columns:
        """Return all that is there of some times, in order of time and epoch."""
        wanted = np.unique(times)
        found = [Columns.of(0)]
        for run in near(wanted):
            first, last = int(wanted[run[0]]), int(wanted[run[-1]])
            for page in self._history.pages(number, info, first, last + 1, PAGE):
                found.append(page.take(np.isin(page.times, wanted)))
        return Columns.joined(found)


def _in_place_of(old: Row, new: Row) -> Row:
    """Return a new value as the sample that an old one was."""
    _, epoch, *_ = old
    time, _, server_time, status, word, _, text = new
    return time, epoch, server_time, status, word, old[5], text


def _delete(connection: sqlite3.Connection, number: int, rows: Iterable[Row], author: Author) -> None:
    some = list(rows)
    connection.executemany(_NOTE, [(number, *row, author.time, Change.DELETE, author.user) for row in some])
    connection.executemany(_AMEND, [(number, *row, True) for row in some])
