"""The log of a store: each append a row, durable when it returns, kept until it is archived and published.

Durable over kill -9 of any process; a power cut may take the last appends, never the file, and not even those where the
store is opened with `sync`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from timeseries.columns import Columns
from timeseries.layout import transaction
from timeseries.packing import block_of, crc_of, is_whole, of_block


def append(connection: sqlite3.Connection, columns: Columns, *, historical: bool = False) -> None:
    """Add a block; its number is one more than that of the block before."""
    data = block_of(columns)
    row = (len(columns), data, historical, crc_of(data))
    connection.execute("INSERT INTO block (count, data, historical, crc) VALUES (?, ?, ?, ?)", row)


def blocks(connection: sqlite3.Connection, after: int) -> Iterator[tuple[int, Columns]]:
    """Yield the blocks behind a number, in order; one that is damaged has nothing."""
    query = "SELECT id, data, crc FROM block WHERE id > ? ORDER BY id"
    for number, data, crc in connection.execute(query, (after,)):
        yield number, unpacked(data, crc)


def unpacked(data: bytes, crc: int | None) -> Columns:
    """Return the samples of a block, none where it is damaged."""
    return of_block(data) if is_whole(data, crc) else Columns.of(0)


def damaged(connection: sqlite3.Connection, after: int, through: int = 2**62) -> Iterator[tuple[int, int]]:
    """Yield number and count of samples of the blocks between two numbers that are not as they were written."""
    query = "SELECT id, count, data, crc FROM block WHERE id > ? AND id <= ? ORDER BY id"
    for number, count, data, crc in connection.execute(query, (after, through)):
        if not is_whole(data, crc):
            yield number, count


def begin_behind(connection: sqlite3.Connection, number: int) -> None:
    """Have the next block's number be higher than one that an archive has, however old the log is."""
    with transaction(connection):
        found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'block'").fetchone()
        if found is None:
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('block', ?)", (number,))
        elif found[0] < number:
            connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'block'", (number,))


def drop(connection: sqlite3.Connection, through: int, at_once: int = 64) -> None:
    """Forget blocks up to a number, some at a time: an append waits for few only."""
    query = "DELETE FROM block WHERE id IN (SELECT id FROM block WHERE id <= ? ORDER BY id LIMIT ?)"
    while connection.execute(query, (through, at_once)).rowcount == at_once:
        pass
