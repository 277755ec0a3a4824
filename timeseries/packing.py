"""Columns as bytes: plain where they are written at once, packed where they stay."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeseries.columns import DTYPES, Columns

_BLOCK = struct.Struct("<II")
"""Rows, and bytes of texts."""
_CHUNK = struct.Struct("<IIi")
"""Rows, bytes before packing, and the signal."""
SAMPLE_BYTES = sum(np.dtype(dtype).itemsize for dtype in DTYPES.values())
"""Of a sample in a block, without texts."""
_WIDE, _NARROW = ("times", "server_times", "seqs", "words"), ("epochs", "statuses")
_STEADY = 3
"""So many of the wide columns go on in nearly equal steps."""


class Damaged(Exception):  # noqa: N818
    """What is not as it was written; the text names it."""


def crc_of(octets: bytes) -> int:
    """Return what is written beside packed samples."""
    return zlib.crc32(octets)


def is_whole(octets: bytes, crc: int | None) -> bool:
    """Tell whether packed samples are as they were written; of earlier releases that is not known."""
    return crc is None or crc_of(octets) == crc


def block_of(columns: Columns) -> bytes:
    """Return the samples of one append."""
    texts = _packed_texts(columns.texts)
    parts = [np.ascontiguousarray(getattr(columns, name), dtype).tobytes() for name, dtype in DTYPES.items()]
    return b"".join((_BLOCK.pack(len(columns), len(texts)), *parts, texts))


def of_block(octets: bytes) -> Columns:
    """Return the samples of a block; its columns are not to be written to."""
    count, size = _BLOCK.unpack_from(octets)
    at = _BLOCK.size
    columns = {}
    for name, dtype in DTYPES.items():
        columns[name] = np.frombuffer(octets, dtype, count, at)
        at += columns[name].nbytes
    return Columns(**columns, texts=_texts(octets[at : at + size]))


def chunk_of(columns: Columns) -> bytes:
    """Return samples of one signal, in order of time, in little space."""
    import pyarrow as pa

    count = len(columns)
    wide, narrow = np.empty((len(_WIDE), count), "<i8"), np.empty((len(_NARROW), count), "<u4")
    for place, name in enumerate(_WIDE):
        wide[place] = getattr(columns, name)
    for place, name in enumerate(_NARROW):
        narrow[place] = getattr(columns, name)
    wide[:_STEADY, 1:] -= wide[:_STEADY, :-1]
    plain = b"".join((_shuffled(wide), _shuffled(narrow), _packed_texts(columns.texts)))
    packed: bytes = pa.compress(plain, codec="zstd", asbytes=True)
    return _CHUNK.pack(count, len(plain), int(columns.signals[0])) + packed


def of_chunk(octets: bytes) -> Columns:
    """Return the samples of a chunk."""
    import pyarrow as pa

    count, size, signal = _CHUNK.unpack_from(octets)
    plain: bytes = pa.decompress(octets[_CHUNK.size :], size, codec="zstd", asbytes=True)
    wide, at = _unshuffled(plain, 0, len(_WIDE), count, "<i8")
    narrow, at = _unshuffled(plain, at, len(_NARROW), count, "<u4")
    np.cumsum(wide[:_STEADY], axis=1, out=wide[:_STEADY])
    columns = dict(zip((*_WIDE, *_NARROW), (*wide, *narrow), strict=True))
    return Columns(np.full(count, signal, np.int32), **columns, texts=_texts(plain[at:]))


def _shuffled(table: NDArray[Any]) -> bytes:
    """Return of each column the first byte of every number, then the second, and so on: alike stands beside alike."""
    return table.view(np.uint8).reshape(*table.shape, -1).transpose(0, 2, 1).tobytes()


def _unshuffled(octets: bytes, at: int, columns: int, count: int, dtype: str) -> tuple[NDArray[Any], int]:
    """Return columns that may be written to, and where they end."""
    width = np.dtype(dtype).itemsize
    planes = np.frombuffer(octets, np.uint8, columns * width * count, at).reshape(columns, width, count)
    table = planes.transpose(0, 2, 1).copy().reshape(columns, count * width).view(dtype)
    return table, at + planes.size


def _packed_texts(texts: Mapping[int, str]) -> bytes:
    return json.dumps(list(texts.items()), ensure_ascii=False, separators=(",", ":")).encode() if texts else b""


def _texts(octets: bytes) -> dict[int, str]:
    return {int(row): text for row, text in json.loads(octets)} if octets else {}
