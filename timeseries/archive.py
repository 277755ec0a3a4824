"""From the log into the archive: the samples of many appends, by signal and in order of time."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from timeseries import log
from timeseries.columns import Columns
from timeseries.layout import transaction
from timeseries.packing import chunk_of, crc_of, is_whole, of_chunk

CHUNK = 1024
"""Samples of a chunk that is full."""
AT_ONCE = 1_000_000
"""Samples that are archived in one step, more or less."""


def progress(connection: sqlite3.Connection) -> int:
    """Return up to which block the log's samples are in the archive."""
    return int(connection.execute("SELECT block FROM progress").fetchone()[0])


def take_in(
    connection: sqlite3.Connection, source: sqlite3.Connection, reactors: Callable[[], Mapping[int, str]]
) -> tuple[int, bool]:
    """Archive what the log has and the archive has not, in one transaction.

    Return how many samples, and whether no block of them was damaged. `reactors` says by whose count each signal's
    samples are numbered; it is asked when the samples have been read, and then knows all of their signals.

    Raises:
        sqlite3.Error: when nothing of it was archived, e.g. on a full disk; it may be tried again.
    """
    parts: list[Columns] = []
    count, last, are_whole = 0, progress(connection), True
    for number, columns in log.blocks(source, last):
        parts.append(columns)
        count, last, are_whole = count + len(columns), number, are_whole and len(columns) > 0
        if count >= AT_ONCE:
            break
    if not parts:
        return 0, True
    columns = Columns.joined(parts).in_order()
    with transaction(connection):
        for signal, samples in _by_signal(columns):
            put(connection, signal, samples)
        note(connection, columns, reactors())
        connection.execute("UPDATE progress SET block = ?", (last,))
    return count, are_whole


def _by_signal(columns: Columns) -> Iterator[tuple[int, Columns]]:
    """Yield each signal's rows; they stand in order of signal."""
    edges = np.flatnonzero(np.diff(columns.signals, prepend=-1, append=-1)).tolist()
    for first, last in itertools.pairwise(edges):
        yield int(columns.signals[first]), columns.take(np.arange(first, last))


def put(connection: sqlite3.Connection, signal: int, samples: Columns) -> None:
    """Put samples into a chunk of their own, and those that are not full together when they make a full one.

    A chunk's number stands for what is in it: readers keep what they have unpacked.
    """
    query = "SELECT id, count FROM chunk WHERE signal = ? AND count < ?"
    small = connection.execute(query, (signal, CHUNK)).fetchall()
    if small and sum(count for _, count in small) + len(samples) >= CHUNK:
        parts = [samples]
        for number, _ in small:
            data, crc = connection.execute("SELECT data, crc FROM chunk WHERE id = ?", (number,)).fetchone()
            if is_whole(data, crc):
                parts.append(of_chunk(data))
                connection.execute("DELETE FROM chunk WHERE id = ?", (number,))
        samples = Columns.joined(parts).in_order()
    for start in range(0, len(samples), CHUNK):
        part = samples.take(np.arange(start, min(start + CHUNK, len(samples))))
        data = chunk_of(part)
        connection.execute(
            "INSERT INTO chunk (signal, first, last, count, bytes, data, crc) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (signal, int(part.times[0]), int(part.times[-1]), len(part), len(data), data, crc_of(data)),
        )


def note(connection: sqlite3.Connection, columns: Columns, reactors: Mapping[int, str]) -> None:
    """Note how far signals have got, and the counts of their reactors."""
    _note_newest(connection, columns)
    _note_numbering(connection, columns, reactors)


def _note_newest(connection: sqlite3.Connection, columns: Columns) -> None:
    order = np.lexsort((columns.times, columns.epochs, columns.signals))
    last = order[np.flatnonzero(np.diff(columns.signals[order], append=-1))]
    connection.executemany(
        "INSERT INTO newest (signal, epoch, time) VALUES (?, ?, ?) ON CONFLICT (signal) DO UPDATE SET "
        "epoch = excluded.epoch, time = excluded.time WHERE (excluded.epoch, excluded.time) > (epoch, time)",
        zip(columns.signals[last].tolist(), columns.epochs[last].tolist(), columns.times[last].tolist(), strict=True),
    )


def _note_numbering(connection: sqlite3.Connection, columns: Columns, reactors: Mapping[int, str]) -> None:
    latest: dict[str, int] = {}
    signals, first = np.unique(columns.signals, return_index=True)
    highest = np.maximum.reduceat(columns.seqs, first)
    for signal, seq in zip(signals.tolist(), highest.tolist(), strict=True):
        latest[reactors[signal]] = max(latest.get(reactors[signal], 0), seq)
    connection.executemany(
        "INSERT INTO numbering (reactor, seq) VALUES (?, ?) "
        "ON CONFLICT (reactor) DO UPDATE SET seq = max(seq, excluded.seq)",
        latest.items(),
    )
