"""HistoryReadResults on the wire (OPC 10000-4 v1.05 §5.11.3, OPC 10000-11 v1.05 §6.6)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from opcua_server.status import status_code
from opcua_server.wire import records
from opcua_server.wire.messages import NULL_ARRAY
from plant import quality
from runtime.opcua_link.filetime import FileTime
from timeseries import signals
from timeseries.columns import Columns
from timeseries.signals import SignalInfo

TIMESTAMPS = {
    ua.TimestampsToReturn.Source: records.SOURCE,
    ua.TimestampsToReturn.Server: records.SERVER,
    ua.TimestampsToReturn.Both: records.SOURCE | records.SERVER,
}
"""Neither is not valid here (OPC 10000-11 v1.04 §4.3)."""
VALUE_OCTETS = 40
"""Of a DataValue without its text, at most."""
NO_OBJECT = bytes(3)
"""An ExtensionObject that is null."""
_STATUS, _LENGTH = struct.Struct("<I"), struct.Struct("<i")
_DATA, _MODIFIED_DATA, _EVENTS = (
    b"\x01\x00" + struct.pack("<H", number) + b"\x01"
    for number in (
        ua.ObjectIds.HistoryData_Encoding_DefaultBinary,
        ua.ObjectIds.HistoryModifiedData_Encoding_DefaultBinary,
        ua.ObjectIds.HistoryEvent_Encoding_DefaultBinary,
    )
)


@dataclass(frozen=True, slots=True)
class Result:
    """The answer for one node."""

    status: int
    point: bytes = b""
    """Continuation point, empty where there is no more."""
    values: Iterable[bytes] = ()
    """Encoded, some at a time."""
    count: int = 0
    infos: Sequence[bytes] | None = None
    """ModificationInfos, where values are modified ones."""
    are_events: bool = False
    """The values are lists of event fields."""

    def encoded(self) -> list[bytes]:
        """Return the parts of a HistoryReadResult."""
        if quality.is_bad(self.status):
            return [self.head(None)]
        values = list(self.values)
        if self.infos is not None:
            values += [_LENGTH.pack(len(self.infos)), *self.infos]
        size = _LENGTH.size + sum(map(len, values))
        return [self.head(size), _LENGTH.pack(self.count), *values]

    def head(self, size: int | None) -> bytes:
        """Return a HistoryReadResult up to its data of so many bytes; None: without data."""
        point = _LENGTH.pack(len(self.point)) + self.point if self.point else NULL_ARRAY
        kind = _EVENTS if self.are_events else _DATA if self.infos is None else _MODIFIED_DATA
        return _STATUS.pack(self.status) + point + (NO_OBJECT if size is None else kind + _LENGTH.pack(size))


def data_values(columns: Columns, info: SignalInfo, most: int) -> list[ua.DataValue]:
    """Return the first of some samples of one signal; a Bad one has no value."""
    shown = columns.take(np.arange(min(most, len(columns))))
    kind = ua.VariantType(info.data_type)
    found = []
    for row, sample in enumerate(signals.samples(shown, dict.fromkeys(shown.signals.tolist(), info))):
        scalar = FileTime.of(shown.words.item(row)) if kind is ua.VariantType.DateTime else sample.value
        is_none = sample.value is None
        found.append(
            ua.DataValue(
                Value=ua.Variant(None, ua.VariantType.Null) if is_none else ua.Variant(scalar, kind),
                StatusCode=status_code(sample.quality),
                SourceTimestamp=FileTime.of(sample.source_time),
                ServerTimestamp=FileTime.of(sample.server_time),
            )
        )
    return found


def fitting(columns: Columns, octets: int, beside: Sequence[bytes] = ()) -> int:
    """Return how many of the first samples take so many bytes with what stands beside each; one at least, if any."""
    if not columns.texts and not beside:
        return len(columns)
    sizes = np.full(len(columns), VALUE_OCTETS)
    for row, text in columns.texts.items():
        sizes[row] += len(text.encode())
    if beside:
        sizes += np.fromiter(map(len, beside), np.int64)
    return max(min(1, len(columns)), int(np.searchsorted(np.cumsum(sizes), octets, side="right")))


def samples(columns: Columns, info: SignalInfo, wanted: ua.TimestampsToReturn) -> Iterator[bytes]:
    """Yield samples of one signal as DataValues; a Bad one has no value."""
    if info.data_type not in records.WIDTHS:
        for row in range(len(columns)):
            status = int(columns.statuses[row])
            scalar = None if quality.is_bad(status) else _plain(columns, row, info)
            kind = ua.VariantType.Null if scalar is None else ua.VariantType(info.data_type)
            yield value(
                ua.DataValue(
                    Value=ua.Variant(scalar, kind),
                    StatusCode=status_code(status),
                    SourceTimestamp=FileTime.of(int(columns.times[row])),
                    ServerTimestamp=FileTime.of(int(columns.server_times[row])),
                ),
                wanted,
            )
    elif len(columns):
        yield from records.encode(
            info.data_type,
            TIMESTAMPS[wanted],
            None,
            columns.words.view("u8"),
            columns.statuses,
            columns.times,
            columns.server_times,
        )


def _plain(columns: Columns, row: int, info: SignalInfo) -> Any:
    """Return a value of a type that has no fixed width, or is not only a number."""
    if info.data_type == ua.VariantType.StatusCode.value:
        return status_code(columns.words.item(row))
    return columns.texts.get(row)


def no_bound(time: int, wanted: ua.TimestampsToReturn) -> bytes:
    """Return the DataValue that stands for a bound of which there is no sample."""
    return value(
        ua.DataValue(
            Value=ua.Variant(None, ua.VariantType.Null),
            StatusCode=status_code(quality.BAD_BOUND_NOT_FOUND),
            SourceTimestamp=FileTime.of(time),
        ),
        wanted,
    )


def value(data: ua.DataValue, wanted: ua.TimestampsToReturn) -> bytes:
    """Return a DataValue with the timestamps that were asked for."""
    if wanted == ua.TimestampsToReturn.Source:
        data = replace(data, ServerTimestamp=None)
    elif wanted == ua.TimestampsToReturn.Server:
        data = replace(data, SourceTimestamp=None)
    return struct_to_binary(data)
