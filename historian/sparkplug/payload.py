"""Metrics as bytes and back: pure (Sparkplug 3.0 chapter 6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from google.protobuf.message import DecodeError

from historian.sparkplug.schema import Payload
from plant import quality
from plant.clock import ticks_from_unix_ns, unix_ns_from_ticks
from plant.sample import Scalar


class DataType(IntEnum):
    """Those in use (Sparkplug 3.0 §6.4.1)."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13


OF_BUILT_IN: Final = {
    1: DataType.BOOLEAN, 2: DataType.INT8, 3: DataType.UINT8, 4: DataType.INT16, 5: DataType.UINT16,
    6: DataType.INT32, 7: DataType.UINT32, 8: DataType.INT64, 9: DataType.UINT64, 10: DataType.FLOAT,
    11: DataType.DOUBLE, 12: DataType.STRING, 13: DataType.DATETIME, 21: DataType.STRING,
}  # fmt: skip
"""OPC UA built-in type (OPC 10000-6 v1.05 §5.1.2) -> Sparkplug's."""
_FIELDS: Final = {
    **dict.fromkeys((DataType.INT8, DataType.INT16, DataType.INT32), "int_value"),
    **dict.fromkeys((DataType.UINT8, DataType.UINT16, DataType.UINT32), "int_value"),
    **dict.fromkeys((DataType.INT64, DataType.UINT64, DataType.DATETIME), "long_value"),
    DataType.FLOAT: "float_value",
    DataType.DOUBLE: "double_value",
    DataType.BOOLEAN: "boolean_value",
    DataType.STRING: "string_value",
}
_BITS: Final = {DataType.INT8: 32, DataType.INT16: 32, DataType.INT32: 32, DataType.INT64: 64}
"""Signed types, sent as unsigned numbers of so many bits, two's complement."""

LIMITS: Final = {
    DataType.INT8: (-(2**7), 2**7 - 1),
    DataType.INT16: (-(2**15), 2**15 - 1),
    DataType.INT32: (-(2**31), 2**31 - 1),
    DataType.INT64: (-(2**63), 2**63 - 1),
    DataType.UINT8: (0, 2**8 - 1),
    DataType.UINT16: (0, 2**16 - 1),
    DataType.UINT32: (0, 2**32 - 1),
    DataType.UINT64: (0, 2**64 - 1),
}
"""The least and the most that an integer may be."""

QUALITY, STATUS_CODE, UNIT = "Quality", "StatusCode", "engUnit"
BAD, GOOD, STALE = 0, 192, 500
"""All that the property `Quality` may be (Sparkplug 3.0, payloads-propertyset-quality-value-value)."""

Value = Scalar | None
Properties = dict[str, tuple[DataType, Value]]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of a payload; what is None or empty is left out, and the type of one without a name, known by birth."""

    datatype: DataType
    value: Value
    """None: null. A DateTime is milliseconds since 1970, UTC."""
    name: str | None = None
    alias: int | None = None
    timestamp_ms: int | None = None
    """Since 1970, UTC."""
    is_historical: bool = False
    properties: Properties | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A metric of a command: named, or known by its alias."""

    name: str
    alias: int | None
    datatype: DataType | None
    raw: int | float | str | bool | None
    """As it came: a signed whole number may stand here as an unsigned one."""

    def value(self, datatype: DataType | None = None) -> Value:
        """Return the value as of the command's type; of the given one where the command tells none."""
        kind = self.datatype or datatype
        bits = _BITS.get(kind) if kind is not None else None
        if bits is None or isinstance(self.raw, bool) or not isinstance(self.raw, int):
            return self.raw
        return self.raw - 2**bits if self.raw >= 2 ** (bits - 1) else self.raw

    def number(self, datatype: DataType) -> Value:
        """Return the value as commands have those of a metric: a DateTime in ticks, a Boolean as 0 or 1."""
        value = self.value(datatype)
        if datatype is DataType.BOOLEAN and isinstance(value, bool):
            return int(value)
        if datatype is DataType.DATETIME and isinstance(value, int):
            return ticks_from_unix_ns(value * 1_000_000)
        return value


class NotSparkplug(ValueError):  # noqa: N818
    """Bytes that are no payload."""


def encode(metrics: Iterable[Metric], timestamp_ms: int, seq: int | None) -> bytes:
    """Return a payload; without `seq` for an NDEATH."""
    payload = Payload(timestamp=timestamp_ms)
    if seq is not None:
        payload.seq = seq
    for metric in metrics:
        _put(payload.metrics.add(), metric)
    octets: bytes = payload.SerializeToString()
    return octets


def decode(octets: bytes) -> list[Received]:
    """Return the metrics of a command.

    Raises:
        NotSparkplug: for bytes that are no payload.
    """
    payload = Payload()
    try:
        payload.ParseFromString(octets)
    except DecodeError as error:
        message = f"no Sparkplug B payload: {error}"
        raise NotSparkplug(message) from None
    return [_received(metric) for metric in payload.metrics]


def milliseconds(ticks: int) -> int:
    """Return ticks as milliseconds since 1970; 0 for what is before, which Sparkplug cannot say."""
    return max(0, unix_ns_from_ticks(ticks) // 1_000_000)


def quality_properties(status: int) -> Properties:
    """Return what tells of a StatusCode: Sparkplug's three qualities, and beside it the code itself."""
    known = BAD if quality.is_bad(status) else GOOD if quality.is_good(status) else STALE
    return {QUALITY: (DataType.INT32, known), STATUS_CODE: (DataType.INT64, status)}


def _put(into: Any, metric: Metric) -> None:
    if metric.name is not None:
        into.name, into.datatype = metric.name, metric.datatype
    if metric.alias is not None:
        into.alias = metric.alias
    if metric.timestamp_ms is not None:
        into.timestamp = metric.timestamp_ms
    if metric.is_historical:
        into.is_historical = True
    if metric.properties:
        for key, (datatype, value) in metric.properties.items():
            into.properties.keys.append(key)
            _put_value(into.properties.values.add(type=datatype), datatype, value)
    _put_value(into, metric.datatype, metric.value)


def _put_value(into: Any, datatype: DataType, value: Value) -> None:
    """Set the value of a metric or a property, or that it is null."""
    if value is None:
        into.is_null = True
        return
    bits = _BITS.get(datatype)
    setattr(into, _FIELDS[datatype], value if bits is None else int(value) % 2**bits)


def _received(metric: Any) -> Received:
    which = metric.WhichOneof("value")
    raw = getattr(metric, which) if which is not None and not metric.is_null else None
    alias = metric.alias if metric.HasField("alias") else None
    known = metric.datatype in set(DataType)
    raw = None if isinstance(raw, bytes) else raw
    return Received(metric.name, alias, DataType(metric.datatype) if known else None, raw)
