"""The file of samples: its tables, and opening it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

VERSION = 2
"""Of the tables; raised with each release that changes them."""
_TABLES = """
CREATE TABLE signal (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, unit TEXT NOT NULL, stepped INTEGER NOT NULL,
    data_type INTEGER NOT NULL, newest_epoch INTEGER, newest_time INTEGER);
CREATE TABLE sample (signal INTEGER NOT NULL, time INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    value, status INTEGER NOT NULL, server_time INTEGER NOT NULL, PRIMARY KEY (signal, time, epoch)) WITHOUT ROWID;
CREATE TABLE gap (signal INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, time INTEGER NOT NULL);
CREATE TABLE numbering (reactor TEXT PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, reactor TEXT NOT NULL, count INTEGER NOT NULL,
    bytes INTEGER NOT NULL, samples TEXT NOT NULL);
"""
"""A gap's `epoch` and `time` say where it begins; `bytes` is what an entry takes."""


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open the file, made when it is not there yet; for one thread of one process.

    Raises:
        sqlite3.Error: naming the file; where its layout is not ours, both layouts and what to do.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return _open(path, "rwc", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL")


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open the file beside its writer.

    Raises:
        sqlite3.Error: naming the file; where its layout is not ours, both layouts and what to do.
    """
    return _open(path, "ro", "PRAGMA query_only=ON")


def _open(path: Path, mode: str, *pragmas: str) -> sqlite3.Connection:
    connection = None
    try:
        address = f"{path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        for pragma in pragmas:
            connection.execute(pragma)
        if mode == "rwc" and _layout(connection) == 0:
            connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={VERSION}; COMMIT;")
        _require_our_layout(connection)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise sqlite3.DatabaseError(f"{path}: {error}") from None
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of it or nothing: after an error, on a full disk say, it may be tried again."""
    connection.execute("BEGIN")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _layout(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _require_our_layout(connection: sqlite3.Connection) -> None:
    layout = _layout(connection)
    if layout != VERSION:
        message = (
            f"its layout is {layout}, this program reads and writes {VERSION}; "
            "move the file away (a new one is begun), or use the program that wrote it"
        )
        raise sqlite3.DatabaseError(message)
