"""Decodes DataValues into columns: runs of records of one layout with numpy, others one by one; pure.

A record is a DataValue (OPC 10000-6 v1.05 §5.2.2.17), in a notification behind its ClientHandle; its mask and its
Variant's encoding byte, the `signature`, say its layout. All records of a run have their signature where the one before
ends, so the first that has not is the end of the run.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plant.clock import LATEST_TICKS
from runtime.opcua_link.binary import Cursor, Malformed, text_or_none
from runtime.opcua_link.builtin import BOOLEAN, DATETIME, FORMATS, IS_FLOAT
from runtime.opcua_link.values import Notification

HANDLE = 4
"""Bytes of a ClientHandle."""
SHORT = 8
"""Records from which on a run is worth a numpy call of its own."""
WINDOW = 64
VALUE, STATUS, SOURCE_TIME, SERVER_TIME, SOURCE_PICOSECONDS, SERVER_PICOSECONDS = 1, 2, 4, 8, 16, 32
_AFTER_VALUE = (
    (STATUS, "status", "<u4"),
    (SOURCE_TIME, "source_time", "<i8"),
    (SOURCE_PICOSECONDS, "source_picoseconds", "<u2"),
    (SERVER_TIME, "server_time", "<i8"),
    (SERVER_PICOSECONDS, "server_picoseconds", "<u2"),
)


class Layout:
    """Where the fields of a record stand that has a fixed width."""

    def __init__(self, before: int, mask: int, kind: int) -> None:
        self.before = before
        """Bytes before the mask: those of a ClientHandle, or none."""
        self.kind = kind
        """Built-in type of the value; 0 for none."""
        self.signature = bytes((mask, kind)) if mask & VALUE else bytes((mask,))
        fields = [("handle", "<u4")] if before else []
        fields.append(("signature", "<u2" if mask & VALUE else "u1"))
        if kind:
            fields.append(("value", FORMATS[kind]))
        fields += [(name, kind_of_field) for bit, name, kind_of_field in _AFTER_VALUE if mask & bit]
        self.dtype: np.dtype[Any] = np.dtype(fields)
        self.size = self.dtype.itemsize
        self.number = int.from_bytes(self.signature, "little")
        self.spots = np.arange(self.size)


@functools.cache
def layout_of(before: int, signature: bytes) -> Layout | None:
    """Return the layout of the records whose mask and next byte are these; None where the width varies."""
    mask = signature[0] if signature else VALUE
    if not mask & VALUE:
        return Layout(before, mask, 0) if len(signature) == 1 else layout_of(before, signature[:1])
    if len(signature) < 2 or signature[1] not in (0, *FORMATS):
        return None
    return Layout(before, mask, signature[1])


def decode(body: bytes, signals: Sequence[str]) -> Notification:
    """Return the data changes of a DataChangeNotification; a ClientHandle is the place of its signal.

    Raises:
        Malformed: when the bytes are no such body, or of items that are not among the signals.
    """
    return _records(body, HANDLE).notification(signals)


def decode_history(body: bytes, signals: Sequence[str], place: int = 0) -> Notification:
    """Return the values of a HistoryData of the signal at this place.

    Raises:
        Malformed: when the bytes are no such body.
    """
    return _records(body, 0, place).notification(signals)


def _records(body: bytes, before: int, place: int = 0) -> _Columns:
    start = Cursor(body)
    count = max(start.i4(), 0)
    if count * (before + 1) > len(body) - start.at:
        message = f"{count} values announced in {len(body)} bytes"
        raise Malformed(message)
    columns = _Columns(count, place)
    scattered: dict[Layout, tuple[list[int], list[int]]] = {}
    row, at = 0, start.at
    while row < count:
        layout = layout_of(before, body[at + before : at + before + 2])
        if layout is None:
            at = columns.put_one(row, Cursor(body, at), before)
            row += 1
            continue
        length = _run(body, at, layout, count - row)
        if length >= SHORT:
            columns.put(slice(row, row + length), layout, np.frombuffer(body, layout.dtype, length, at))
            row += length
            at += length * layout.size
            continue
        if layout not in scattered:
            scattered[layout] = ([], [])
        rows, places = scattered[layout]
        for _ in range(length):
            rows.append(row)
            places.append(at)
            row += 1
            at += layout.size
    octets = np.frombuffer(body, np.uint8)
    for layout, (rows, places) in scattered.items():
        gathered = octets[np.add.outer(places, layout.spots)].view(layout.dtype)[:, 0]
        columns.put(np.array(rows), layout, gathered)
    return columns


def _run(body: bytes, at: int, layout: Layout, most: int) -> int:
    """Return how many records from here on have this layout, at most so many."""
    most = min(most, (len(body) - at) // layout.size)
    if most == 0:
        message = f"a value of {layout.size} bytes where {len(body) - at} are left"
        raise Malformed(message)
    place, signature = at + layout.before, layout.signature
    length = 1
    while length < most and length < SHORT:
        place += layout.size
        if not body.startswith(signature, place):
            return length
        length += 1
    if length == most:
        return length
    signatures = np.frombuffer(body, layout.dtype, most, at)["signature"]
    window = WINDOW
    while length < most:
        differs = signatures[length : length + window] != layout.number
        first = int(differs.argmax())
        if differs[first]:
            return length + first
        length = min(length + window, most)
        window *= 4
    return length


class _Columns:
    """What is being filled."""

    def __init__(self, count: int, handle: int) -> None:
        self._handles = np.full(count, handle, np.uint32)
        self._types = np.zeros(count, np.uint8)
        self._words = np.zeros(count, np.int64)
        self._texts: dict[int, str] = {}
        self._status = np.zeros(count, np.uint32)
        self._times = {"source_time": np.zeros(count, np.int64), "server_time": np.zeros(count, np.int64)}

    def put(self, rows: slice | NDArray[np.intp], layout: Layout, records: NDArray[np.void]) -> None:
        """Take records of one layout."""
        names = layout.dtype.names or ()
        if "handle" in names:
            self._handles[rows] = records["handle"]
        if layout.kind:
            self._types[rows] = layout.kind
            value = records["value"]
            if IS_FLOAT[layout.kind]:
                self._words.view(np.float64)[rows] = value
            else:
                self._words[rows] = value != 0 if layout.kind == BOOLEAN else value
        if "status" in names:
            self._status[rows] = records["status"]
        for name, column in self._times.items():
            if name in names:
                column[rows] = records[name]

    def put_one(self, row: int, cursor: Cursor, before: int) -> int:
        """Take one record whose value has no fixed width; return where it ends."""
        if before:
            self._handles[row] = cursor.u4()
        mask = cursor.byte()
        kind, text = text_or_none(cursor)
        if text is not None:
            self._types[row] = kind
            self._texts[row] = text
        if mask & STATUS:
            self._status[row] = cursor.u4()
        if mask & SOURCE_TIME:
            self._times["source_time"][row] = cursor.i8()
        if mask & SOURCE_PICOSECONDS:
            cursor.skip(2)
        if mask & SERVER_TIME:
            self._times["server_time"][row] = cursor.i8()
        if mask & SERVER_PICOSECONDS:
            cursor.skip(2)
        return cursor.at

    def notification(self, signals: Sequence[str]) -> Notification:
        if self._handles.size and self._handles.max() >= len(signals):
            message = f"a data change of the unknown item {self._handles.max()}"
            raise Malformed(message)
        for column in self._times.values():
            np.clip(column, 0, LATEST_TICKS, out=column)
        is_time = self._types == DATETIME
        if is_time.any():
            self._words[is_time] = np.clip(self._words[is_time], 0, LATEST_TICKS)
        return Notification(
            signals, self._handles.astype(np.int32), self._types, self._words, self._texts, self._status,
            self._times["source_time"], self._times["server_time"],
        )  # fmt: skip
