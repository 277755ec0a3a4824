"""Parquet files of sealed samples: a row group for each signal, readable by any tool, never changed.

Columns: `signal` (name), `epoch`, `time` and `server_time` (100 ns ticks since 1601), `status` (StatusCode), the value
in one of `level` (doubles that are few, of a signal that is rounded), `number` (other doubles), `whole` and `text`, and
`seq`. What was measured at one time was sent at one time: the last row group has no signal's name, and says the
`server_time` of its `time` for all rows that have none. The metadata `signals` says of each other row group name, unit,
data type and whether a value holds until the next.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeseries.clock import Clock
from timeseries.columns import DTYPES, INNER, Columns, Ticks, zeros
from timeseries.signals import SignalInfo

SUFFIX = ".parquet"
_PLAIN = {"epochs": "epoch", "times": "time", "server_times": "server_time", "statuses": "status", "seqs": "seq"}
_SHOWN = {ours: _PLAIN[ours] for ours in ("epochs", "times", "statuses")}
_OFTEN_0 = ("epochs", "statuses")
_READ_BYTES = 1 << 20
_NOBODY = SignalInfo("", "", 12)
_SIGNALS = "signals"
_END = struct.Struct("<I4s")
"""Length of the footer, and magic."""
_FEW = 8
"""Doubles are few when each stands for so many samples or more."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one row group has: samples of one signal, in order of time."""

    signal: int
    first: int
    last: int
    count: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A file that is written."""

    file: str
    bytes: int
    checksum: str
    footer: int
    """Its CRC."""
    pieces: tuple[Piece, ...]


def write(folder: Path, name: str, groups: Iterable[tuple[SignalInfo, Columns]], tell: Callable[[], None]) -> Segment:
    """Write a file of row groups, whole or not at all; `tell` is called after each.

    Raises:
        OSError: when it was not written, e.g. on a full disk.
    """
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    temporary, path = folder / f".{name}{SUFFIX}.tmp", folder / f"{name}{SUFFIX}"
    pieces: list[Piece] = []
    try:
        with pq.ParquetWriter(
            temporary,
            _schema(),
            compression="zstd",
            compression_level=3,
            use_dictionary=["signal", "epoch", "status", "level", "text"],
            column_encoding={
                "time": "DELTA_BINARY_PACKED", "server_time": "DELTA_BINARY_PACKED", "seq": "DELTA_BINARY_PACKED",
                "number": "BYTE_STREAM_SPLIT", "whole": "DELTA_BINARY_PACKED",
            },
            write_statistics=["time"],
            data_page_size=_READ_BYTES,
            write_page_checksum=True,
        ) as writer:  # fmt: skip
            clock = Clock()
            infos: list[SignalInfo] = []
            for info, columns in groups:
                writer.write_table(_table(info, columns, clock.take(columns)), row_group_size=len(columns))
                infos.append(info)
                times = columns.times
                pieces.append(Piece(int(columns.signals[0]), int(times[0]), int(times[-1]), len(columns)))
                tell()
            writer.write_table(_table(_NOBODY, clock.columns(), None), row_group_size=max(1, len(clock)))
            writer.add_key_value_metadata({_SIGNALS: json.dumps([astuple(info) for info in infos])})
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        size, digest = temporary.stat().st_size, checksum(temporary)
        made = Segment(path.name, size, digest, footer_crc(temporary), tuple(pieces))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(folder)
    return made


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_READ_BYTES):
            digest.update(part)
    return digest.hexdigest()


def footer_crc(path: Path) -> int:
    """Return the CRC-32 of what says where the pages stand (Parquet's file metadata)."""
    with path.open("rb") as file:
        size = file.seek(-_END.size, os.SEEK_END)
        length, magic = _END.unpack(file.read())
        if magic != b"PAR1" or length > size:
            message = "it is cut off"
            raise ValueError(message)
        file.seek(size - length)
        return zlib.crc32(file.read())


class SegmentFile:
    """A file that is opened for each look at it, so that one that was removed takes no space for a reader's sake.

    Raises:
        OSError: when it cannot be read.
        ValueError: when it is not as it was written; so do its methods.
    """

    def __init__(self, path: Path, footer: int | None = None) -> None:
        import pyarrow.parquet as pq

        if footer is not None and footer_crc(path) != footer:
            message = "its footer is not that which was written"
            raise ValueError(message)
        self._path, self._metadata = path, pq.read_metadata(path)

    def infos(self) -> list[SignalInfo]:
        """Return whose samples each row group has.

        Raises:
            ValueError: where the file does not say.
        """
        found = (self._metadata.metadata or {}).get(_SIGNALS.encode())
        if found is None:
            message = f"its metadata has no {_SIGNALS!r}"
            raise ValueError(message)
        return [SignalInfo(*fields) for fields in json.loads(found)]

    def read(self, row_group: int, signal: int, info: SignalInfo, *, lean: bool = False) -> Columns:
        """Return the samples of a row group; lean ones as `Columns.lean` has them, and twice as fast."""
        values, plain = _value_columns(info), _SHOWN if lean else _PLAIN
        table = self._table(row_group, [*plain.values(), *values])
        columns = {ours: table[theirs].to_numpy() for ours, theirs in plain.items() if theirs != "server_time"}
        value = next((table[name] for name in values if table[name].null_count < len(table)), table[values[0]])
        texts: dict[int, str] = {}
        words = np.zeros(len(table), np.int64)
        if info.is_text:
            texts = {row: text for row, text in enumerate(value.to_pylist()) if text is not None}
        elif not value.null_count:
            words = value.to_numpy().view(np.int64)
        if lean:
            columns |= {name: zeros(len(table), DTYPES[name]) for name in _OFTEN_0 if not columns[name].any()}
            inner = {name: zeros(len(table), DTYPES[name]) for name in INNER}
        else:
            server_times = self._server_times(table["server_time"], columns["times"])
            inner = {"signals": np.full(len(table), signal, np.int32), "server_times": server_times}
        return Columns(**columns, **inner, words=words, texts=texts)

    def _server_times(self, column: Any, times: Ticks) -> Ticks:
        if not column.null_count:
            return np.asarray(column.to_numpy())
        known = column.fill_null(-1).to_numpy()
        return np.where(known == -1, self._clock.at(times), known)

    @cached_property
    def _clock(self) -> Clock:
        table = self._table(self._metadata.num_row_groups - 1, ["time", "server_time"])
        return Clock(table["time"].to_numpy(), table["server_time"].to_numpy())

    def _table(self, row_group: int, columns: list[str]) -> Any:
        import pyarrow.parquet as pq

        options = {"metadata": self._metadata, "memory_map": True, "page_checksum_verification": True}
        with pq.ParquetFile(self._path, **options) as file:
            return file.read_row_group(row_group, columns=columns, use_threads=False)


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("signal", pa.string(), nullable=False),
            pa.field("epoch", pa.uint32(), nullable=False),
            pa.field("time", pa.int64(), nullable=False),
            pa.field("server_time", pa.int64()),
            pa.field("status", pa.uint32(), nullable=False),
            pa.field("level", pa.float64()),
            pa.field("number", pa.float64()),
            pa.field("whole", pa.int64()),
            pa.field("text", pa.string()),
            pa.field("seq", pa.int64(), nullable=False),
        ]
    )


def _table(info: SignalInfo, columns: Columns, is_known: NDArray[np.bool_] | None) -> Any:
    """Return samples as they are written, without the server times that are known otherwise."""
    import pyarrow as pa

    count, schema = len(columns), _schema()
    found = {theirs: pa.array(np.ascontiguousarray(getattr(columns, ours))) for ours, theirs in _PLAIN.items()}
    found["signal"] = pa.array([info.name] * count, pa.string())
    found["server_time"] = pa.array(np.ascontiguousarray(columns.server_times), mask=is_known)
    name = _value_columns(info)[0]
    if info.is_text:
        found[name] = pa.array([columns.texts.get(row) for row in range(count)], pa.string())
    else:
        words = np.ascontiguousarray(columns.words)
        if info.is_float and len(np.unique(words)) * _FEW > count:
            name = "number"
        found[name] = pa.array(words.view(np.float64) if info.is_float else words)
    for field in schema:
        found.setdefault(field.name, pa.nulls(count, field.type))
    return pa.table({field.name: found[field.name].cast(field.type) for field in schema}, schema=schema)


def _value_columns(info: SignalInfo) -> tuple[str, ...]:
    """Return where values may stand."""
    if info.is_text:
        return ("text",)
    return ("level", "number") if info.is_float else ("whole",)


def _sync(folder: Path) -> None:
    """Make a rename last over a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
