"""The files of a store, their tables, and opening them.

`log.sqlite` takes what arrives, a row for each append; `archive.sqlite` has the same samples by signal, and knows the
Parquet files that old ones are sealed in. They are two, so that an append never waits for the archive's writer. What
somebody has changed of it stands in `amendments.sqlite`, which is there from the first change on; `events.sqlite` has
what happened, where the store's owner records events.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

BUSY_S = 10.0
"""How long a writer waits for another."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A file and what is in it."""

    file: str
    version: int
    """Of the tables; raised with each release that changes them."""
    tables: str
    changes: Mapping[int, str] = field(default_factory=dict)
    """Version -> what makes its tables those of the next one."""


LOG = Layout(
    "log.sqlite",
    6,
    """
    CREATE TABLE signal (id INTEGER PRIMARY KEY, name TEXT NOT NULL, data_type INTEGER NOT NULL, unit TEXT NOT NULL,
        stepped INTEGER NOT NULL, declared INTEGER NOT NULL, UNIQUE (name, data_type));
    CREATE TABLE gap (signal INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, time INTEGER NOT NULL);
    CREATE TABLE block (id INTEGER PRIMARY KEY AUTOINCREMENT, count INTEGER NOT NULL, data BLOB NOT NULL,
        historical INTEGER NOT NULL DEFAULT 0, crc INTEGER);
    CREATE TABLE reader (name TEXT PRIMARY KEY, block INTEGER NOT NULL) WITHOUT ROWID;
    """,
    {
        3: "ALTER TABLE block ADD COLUMN historical INTEGER NOT NULL DEFAULT 0;",
        4: "ALTER TABLE block ADD COLUMN crc INTEGER;",
        5: """
            CREATE TABLE reader (name TEXT PRIMARY KEY, block INTEGER NOT NULL) WITHOUT ROWID;
            INSERT INTO reader SELECT 'lp', block FROM published;
            DROP TABLE published;
        """,
    },
)
"""`declared` grows with each declaration, so that of one name the highest is the present one; a gap's `epoch` and
`time` say where it begins; a `historical` block was read back from a history; a `reader`
publishes samples, and has all up to its `block`; `crc` is of `data`, and is not there in rows of earlier releases."""

ARCHIVE = Layout(
    "archive.sqlite",
    4,
    """
    CREATE TABLE chunk (id INTEGER PRIMARY KEY AUTOINCREMENT, signal INTEGER NOT NULL, first INTEGER NOT NULL,
        last INTEGER NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL, data BLOB NOT NULL,
        crc INTEGER);
    CREATE INDEX chunk_place ON chunk (signal, last, first, count, bytes);
    CREATE TABLE segment (id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL UNIQUE, count INTEGER NOT NULL,
        bytes INTEGER NOT NULL, checksum TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        footer INTEGER);
    CREATE TABLE piece (signal INTEGER NOT NULL, last INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
        segment INTEGER NOT NULL REFERENCES segment, row_group INTEGER NOT NULL,
        PRIMARY KEY (signal, last, segment, row_group)) WITHOUT ROWID;
    CREATE TABLE progress (block INTEGER NOT NULL);
    INSERT INTO progress VALUES (0);
    CREATE TABLE newest (signal INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, time INTEGER NOT NULL);
    CREATE TABLE numbering (reactor TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
    """,
    {3: "ALTER TABLE chunk ADD COLUMN crc INTEGER; ALTER TABLE segment ADD COLUMN footer INTEGER;"},
)
"""Of the log's blocks those up to `progress` are here; `first` and `last` are times; a segment is a Parquet file,
a piece what a row group of it has of a signal; `crc` is of `data`, and `footer` of the file's footer (its pages have
their own); neither is there in rows of earlier releases."""

_FIELDS = """signal INTEGER NOT NULL, time INTEGER NOT NULL, epoch INTEGER NOT NULL, server_time INTEGER NOT NULL,
        status INTEGER NOT NULL, word INTEGER NOT NULL, seq INTEGER NOT NULL, text TEXT"""
AMENDMENTS = Layout(
    "amendments.sqlite",
    1,
    f"""
    CREATE TABLE amendment ({_FIELDS}, is_deleted INTEGER NOT NULL, PRIMARY KEY (signal, time, epoch)) WITHOUT ROWID;
    CREATE TABLE modification (id INTEGER PRIMARY KEY AUTOINCREMENT, {_FIELDS}, made INTEGER NOT NULL,
        kind INTEGER NOT NULL, user TEXT);
    CREATE INDEX modification_place ON modification (signal, time, id);
    """,
)
"""An amendment stands in place of the sample of its signal, time and epoch, deleted or not, whether there was one or
not; a modification is what was inserted, or what was before, with when, how and by whom."""

EVENTS = Layout(
    "events.sqlite",
    2,
    """
    CREATE TABLE event (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, epoch INTEGER NOT NULL,
        server_time INTEGER NOT NULL, event_id BLOB NOT NULL, source TEXT NOT NULL, is_beginning INTEGER NOT NULL,
        began INTEGER NOT NULL, cause TEXT NOT NULL, score REAL NOT NULL, severity INTEGER NOT NULL,
        message TEXT NOT NULL, ended INTEGER);
    CREATE INDEX event_time ON event (time, id);
    CREATE INDEX event_source ON event (source, time, id);
    """,
    {1: "ALTER TABLE event ADD COLUMN ended INTEGER;"},
)
"""Each beginning and each end of an anomaly of a reactor; `began` and `ended` are when it did, plant time, and `time`
is when that was told; ends of earlier releases have no `ended`."""


def open_for_writing(folder: Path, layout: Layout, *, fold: bool = True, sync: bool = False) -> sqlite3.Connection:
    """Open a file, made when it is not there yet; for one thread at a time.

    Without `fold` a commit never waits for the journal to be folded into the file: another connection does that. With
    `sync` a commit lasts over a power cut, without only over the end of any process.

    Raises:
        sqlite3.Error: naming the file; where its layout is not ours, both layouts and what to do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return _open(
        folder / layout.file, layout, "rwc", "PRAGMA journal_mode=WAL",
        f"PRAGMA synchronous={'FULL' if sync else 'NORMAL'}", f"PRAGMA busy_timeout={round(BUSY_S * 1000)}",
        f"PRAGMA wal_autocheckpoint={1000 if fold else 0}",
    )  # fmt: skip


def open_for_reading(folder: Path, layout: Layout) -> sqlite3.Connection:
    """Open a file beside its writer.

    Raises:
        sqlite3.Error: naming the file; where its layout is not ours, both layouts and what to do.
    """
    return _open(folder / layout.file, layout, "ro", "PRAGMA query_only=ON")


def _open(path: Path, layout: Layout, mode: str, *pragmas: str) -> sqlite3.Connection:
    connection = None
    try:
        address = f"{path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        for pragma in pragmas:
            connection.execute(pragma)
        if mode == "rwc":
            _bring_up(connection, layout)
        _require_our_layout(connection, layout)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise sqlite3.DatabaseError(f"{path}: {error}") from None
    return connection


def make(folder: Path, layout: Layout) -> None:
    """Make a file that is not there yet, whole or not at all: who looks for it never finds half of it."""
    path = folder / layout.file
    if path.exists():
        return
    making = folder / f".{layout.file}.new"
    making.unlink(missing_ok=True)
    connection = sqlite3.connect(making, isolation_level=None)
    try:
        connection.executescript(f"BEGIN; {layout.tables} PRAGMA user_version={layout.version}; COMMIT;")
    finally:
        connection.close()
    making.replace(path)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
    """All of it or nothing: after an error, on a full disk say, it may be tried again."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _bring_up(connection: sqlite3.Connection, layout: Layout) -> None:
    """Make the tables of a new file, or ours of an earlier release's."""
    version = _version(connection)
    if version == 0:
        connection.executescript(f"BEGIN; {layout.tables} PRAGMA user_version={layout.version}; COMMIT;")
    while change := layout.changes.get(version):
        version += 1
        connection.executescript(f"BEGIN; {change} PRAGMA user_version={version}; COMMIT;")


def _require_our_layout(connection: sqlite3.Connection, layout: Layout) -> None:
    version = _version(connection)
    if version in layout.changes:
        message = f"its layout is {version}, this program's is {layout.version}; start the plant once, which changes it"
        raise sqlite3.DatabaseError(message)
    if version != layout.version:
        message = (
            f"its layout is {version}, this program reads and writes {layout.version}; "
            "move the folder away (a new one is begun), or use the program that wrote it"
        )
        raise sqlite3.DatabaseError(message)
