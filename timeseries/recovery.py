"""Segments that the archive does not know: left by a crash, or because its file was lost or is an older copy.

Each has all that is needed to register it again. Where the archive still has the same samples, they are in the segment
only afterwards, as if the sealing had not been cut short. What cannot be read stays beside the others under a name of
its own.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from plant.names import split_signal
from timeseries import archive, segments, signals
from timeseries.columns import Columns
from timeseries.layout import transaction
from timeseries.packing import is_whole, of_chunk
from timeseries.segments import Piece, Segment, SegmentFile

log = logging.getLogger("history")

ASIDE = ".aside"


def settle(folder: Path, connection: sqlite3.Connection, names: sqlite3.Connection) -> None:
    """Register the segments in a folder that an archive does not know; `names` is the log, which knows signals.

    Raises:
        sqlite3.Error: when the rest is not registered, e.g. on a full disk; it may be tried again.
    """
    for path in folder.glob(f".*{segments.SUFFIX}.tmp"):
        path.unlink(missing_ok=True)
    for path in reversed(_unknown(folder, connection)):  # the newest samples first
        try:
            with transaction(connection):
                if path not in _unknown(folder, connection):
                    continue  # the upkeep of a writer that was killed has registered, or removed, it meanwhile
                count = _register(path, connection, names)
        except (OSError, ValueError) as error:
            aside = _free(path)
            path.replace(aside)
            log.error("%s cannot be taken into the history (%s); it is kept as %s", path, error, aside.name)
        else:
            log.warning("%s was not in the archive; its %d samples are again", path, count)


def put_down(connection: sqlite3.Connection, made: Segment, number: int | None = None) -> None:
    """Note what a segment has; within a transaction."""
    row = (
        number, made.file, sum(piece.count for piece in made.pieces), made.bytes, made.checksum,
        min(piece.first for piece in made.pieces), max(piece.last for piece in made.pieces), made.footer,
    )  # fmt: skip
    query = (
        "INSERT INTO segment (id, file, count, bytes, checksum, first, last, footer) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    )
    number = connection.execute(query, row).lastrowid
    connection.executemany(
        "INSERT INTO piece (signal, first, last, count, segment, row_group) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (piece.signal, piece.first, piece.last, piece.count, number, place)
            for place, piece in enumerate(made.pieces)
        ],
    )


def _unknown(folder: Path, connection: sqlite3.Connection) -> list[Path]:
    known = {file for (file,) in connection.execute("SELECT file FROM segment")}
    found = (path for path in folder.glob(f"*{segments.SUFFIX}") if path.stem.isdigit())
    return sorted(path for path in found if path.name not in known)


def _register(path: Path, connection: sqlite3.Connection, names: sqlite3.Connection) -> int:
    pieces = []
    for columns in _groups(path, connection, names):
        signal, times = int(columns.signals[0]), columns.times
        _let_go(connection, signal, columns)
        _note(connection, columns, names)
        pieces.append(Piece(signal, int(times[0]), int(times[-1]), len(columns)))
    if not pieces:
        message = "it has no samples"
        raise ValueError(message)
    made = Segment(path.name, path.stat().st_size, segments.checksum(path), segments.footer_crc(path), tuple(pieces))
    put_down(connection, made, int(path.stem))
    return sum(piece.count for piece in pieces)


def _groups(path: Path, connection: sqlite3.Connection, names: sqlite3.Connection) -> Iterator[Columns]:
    """Yield the samples of each row group; a signal that the log does not know is made known."""
    file = SegmentFile(path)
    infos = file.infos()
    known = set(names.execute("SELECT name, data_type FROM signal"))
    (highest,) = connection.execute("SELECT coalesce(max(signal), 0) FROM newest").fetchone()
    signals.declare(names, [info for info in infos if (info.name, info.data_type) not in known], highest)
    numbers = {(name, kind): number for number, name, kind in names.execute("SELECT id, name, data_type FROM signal")}
    for row_group, info in enumerate(infos):
        yield file.read(row_group, numbers[info.name, info.data_type], info)


def _let_go(connection: sqlite3.Connection, signal: int, columns: Columns) -> None:
    """Remove the chunks that have nothing but what a segment has."""
    query = "SELECT id, data, crc FROM chunk WHERE signal = ? AND first >= ? AND last <= ?"
    span = (signal, int(columns.times[0]), int(columns.times[-1]))
    there = np.rec.fromarrays((columns.times, columns.epochs))
    for number, data, crc in connection.execute(query, span).fetchall():
        if not is_whole(data, crc):
            continue
        chunk = of_chunk(data)
        if np.isin(np.rec.fromarrays((chunk.times, chunk.epochs)), there).all():
            connection.execute("DELETE FROM chunk WHERE id = ?", (number,))


def _note(connection: sqlite3.Connection, columns: Columns, names: sqlite3.Connection) -> None:
    """Note how far a signal has got; its newest sample is in the archive itself, too, where it is never forgotten."""
    signal, newest = int(columns.signals[0]), columns.newest()
    (name,) = names.execute("SELECT name FROM signal WHERE id = ?", (signal,)).fetchone()
    archive.note(connection, columns, {signal: split_signal(name)[0]})
    query = "SELECT 1 FROM newest WHERE signal = ? AND epoch = ? AND time = ?"
    if connection.execute(query, (signal, int(newest.epochs[0]), int(newest.times[0]))).fetchone():
        archive.put(connection, signal, newest)


def _free(path: Path) -> Path:
    found, number = path.with_name(path.name + ASIDE), 1
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}{ASIDE}{number}")
    return found
