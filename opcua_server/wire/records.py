"""Values as numpy records: their bytes are the body of a DataChangeNotification, or of HistoryData.

A record is the ClientHandle of a MonitoredItemNotification, where it is one, then a DataValue: encoding mask, Variant
(type, value), StatusCode, SourceTimestamp, ServerTimestamp, each only where the mask says so (OPC 10000-6 v1.05
§5.2.2.17), little endian, unpadded.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from plant import quality
from runtime.opcua_link.builtin import FORMATS

VALUE, STATUS, SOURCE, SERVER = 0x01, 0x02, 0x04, 0x08
"""Bits of a DataValue's encoding mask."""

WIDTHS = {number: np.dtype(name).itemsize for number, name in FORMATS.items()}
"""Bytes of a value, for each built-in type of fixed width (OPC 10000-6 v1.05 §5.1.2)."""

NULL = 0
"""The type of a Variant without a value."""

_GOOD, _WITH_STATUS, _BAD = range(3)


@cache
def layout(type_number: int, mask: int, *, with_handle: bool = True) -> np.dtype[np.void]:
    """Return the record of a type and an encoding mask."""
    fields: list[tuple[str, str]] = [("handle", "<u4")] if with_handle else []
    fields.append(("mask", "u1"))
    if mask & VALUE:
        fields.append(("type", "u1"))
        if type_number != NULL:
            fields.append(("value", f"<u{WIDTHS[type_number]}"))
    if mask & STATUS:
        fields.append(("status", "<u4"))
    if mask & SOURCE:
        fields.append(("source", "<i8"))
    if mask & SERVER:
        fields.append(("server", "<i8"))
    return np.dtype(fields)


LARGEST = max(layout(number, VALUE | STATUS | SOURCE | SERVER).itemsize for number in WIDTHS)
"""Bytes of the largest record."""


def encode(
    type_number: int,
    times_mask: int,
    handles: NDArray[np.uint32] | None,
    bits: NDArray[np.uint64],
    status: NDArray[np.uint32],
    source: NDArray[np.int64],
    server: NDArray[np.int64],
) -> list[bytes]:
    """Return runs of records, each of one layout, in the given order; a Bad value is null.

    `bits` holds each value in its low bytes; `times_mask` is SOURCE, SERVER, both or neither; `handles` is None for
    DataValues alone.
    """
    if not status.any():
        return [_run(type_number, VALUE | times_mask, handles, bits, None, source, server)]
    kinds = np.where(status >= quality.BAD, _BAD, np.where(status != quality.GOOD, _WITH_STATUS, _GOOD))
    ends = np.append(np.flatnonzero(np.diff(kinds)) + 1, len(kinds))
    runs: list[bytes] = []
    start = 0
    for end in ends.tolist():
        part = slice(start, end)
        kind = kinds[start]
        runs.append(
            _run(
                NULL if kind == _BAD else type_number,
                VALUE | times_mask | (0 if kind == _GOOD else STATUS),
                handles if handles is None else handles[part],
                bits[part],
                status[part],
                source[part],
                server[part],
            )
        )
        start = end
    return runs


def _run(
    type_number: int,
    mask: int,
    handles: NDArray[np.uint32] | None,
    bits: NDArray[np.uint64],
    status: NDArray[np.uint32] | None,
    source: NDArray[np.int64],
    server: NDArray[np.int64],
) -> bytes:
    records = np.empty(len(source), layout(type_number, mask, with_handle=handles is not None))
    if handles is not None:
        records["handle"] = handles
    records["mask"] = mask
    records["type"] = type_number
    if type_number != NULL:
        records["value"] = bits.astype(records.dtype["value"])
    if mask & STATUS:
        records["status"] = status
    if mask & SOURCE:
        records["source"] = source
    if mask & SERVER:
        records["server"] = server
    return records.tobytes()
