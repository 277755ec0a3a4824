"""Conversions between built-in types, as filters do them (OPC 10000-4 v1.05 §7.7.3)."""

from __future__ import annotations

import math
import struct
import uuid
from datetime import UTC, datetime
from typing import Any

from asyncua import ua

V = ua.VariantType
_PRECEDENCE = (
    V.Double, V.Float, V.Int64, V.UInt64, V.Int32, V.UInt32, V.StatusCode, V.Int16, V.UInt16, V.SByte, V.Byte,
    V.Boolean, V.Guid, V.String, V.ExpandedNodeId, V.NodeId, V.LocalizedText, V.QualifiedName,
)  # fmt: skip
"""Of two types, the first in this list is the one that the other is converted to."""
_RANK = {vtype: rank for rank, vtype in enumerate(_PRECEDENCE)}
BITS = {
    V.SByte: 8, V.Byte: 8, V.Int16: 16, V.UInt16: 16, V.Int32: 32, V.UInt32: 32, V.Int64: 64, V.UInt64: 64,
}  # fmt: skip
"""Width of each integer type."""
SIGNED = frozenset((V.SByte, V.Int16, V.Int32, V.Int64))
_NUMBERS = frozenset((*BITS, V.Float, V.Double))
ORDERED = _NUMBERS | {V.DateTime}
_LIKE_STATUS = frozenset((V.Int32, V.Int64, V.UInt16, V.UInt32, V.UInt64))
_TARGETS: dict[ua.VariantType, frozenset[ua.VariantType]] = {
    V.Boolean: _NUMBERS | {V.String},
    V.StatusCode: _LIKE_STATUS,
    V.String: _NUMBERS | {V.Boolean, V.Guid, V.DateTime, V.NodeId, V.ExpandedNodeId, V.LocalizedText, V.QualifiedName},
    V.DateTime: frozenset((V.String,)),
    V.Guid: frozenset((V.String, V.ByteString)),
    V.ByteString: frozenset((V.Guid,)),
    V.NodeId: frozenset((V.String, V.ExpandedNodeId)),
    V.ExpandedNodeId: frozenset((V.String, V.NodeId)),
    V.LocalizedText: frozenset((V.String,)),
    V.QualifiedName: frozenset((V.String, V.LocalizedText)),
} | {
    number: _NUMBERS | {V.Boolean, V.String} | ({V.StatusCode} if number in _LIKE_STATUS else frozenset())
    for number in _NUMBERS
}
"""What each type can be converted to at all, asked for by Cast or not."""


class NotConvertible(Exception):  # noqa: N818
    """There is no such conversion, or the value has none."""


def common(first: ua.Variant, second: ua.Variant) -> tuple[ua.VariantType, Any, Any]:
    """Return two scalars as ones of a common type.

    Raises:
        NotConvertible: when there is no implicit conversion.
    """
    if first.VariantType is second.VariantType:
        return first.VariantType, _plain(first), _plain(second)
    ranks = _RANK.get(first.VariantType), _RANK.get(second.VariantType)
    if None in ranks:
        raise NotConvertible
    target = _PRECEDENCE[min(rank for rank in ranks if rank is not None)]
    return target, converted(first, target), converted(second, target)


def converted(value: ua.Variant, target: ua.VariantType) -> Any:
    """Return a scalar as a value of another type.

    Raises:
        NotConvertible: when it cannot be one.
    """
    source = value.VariantType
    plain = _plain(value)
    if source is target:
        return plain
    if target not in _TARGETS.get(source, ()):
        raise NotConvertible
    try:
        return _convert(plain, source, target)
    except (ValueError, OverflowError, struct.error, ua.UaError):
        raise NotConvertible from None


def as_string(value: ua.Variant | None) -> str | None:
    """Return the text of what is one without being cast; None for anything else."""
    if value is None or value.is_array or value.VariantType not in (V.String, V.LocalizedText, V.QualifiedName):
        return None
    text = converted(value, V.String)
    return text if isinstance(text, str) else None


def _plain(value: ua.Variant) -> Any:
    return value.Value.value if isinstance(value.Value, ua.StatusCode) else value.Value


def _convert(value: Any, source: ua.VariantType, target: ua.VariantType) -> Any:
    if target in BITS or target is V.StatusCode:
        return _integer(value, target)
    if target is V.Double:
        return float(value)
    if target is V.Float:
        return struct.unpack("<f", struct.pack("<f", float(value)))[0]
    if target is V.Boolean:
        return _boolean(value)
    if target is V.String:
        return _string(value)
    if target is V.DateTime:
        when = datetime.fromisoformat(value)
        return when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo is not None else when
    if target is V.Guid:
        return uuid.UUID(bytes_le=value) if source is V.ByteString else uuid.UUID(value)
    if target is V.ByteString:
        return value.bytes_le
    if target is V.LocalizedText:
        return ua.LocalizedText(value.Name if source is V.QualifiedName else value)
    if target is V.QualifiedName:
        return ua.QualifiedName(value, 0)
    return ua.NodeId.from_string(value) if source is V.String else value


def _integer(value: Any, target: ua.VariantType) -> int:
    # A floating point number is rounded by adding 0.5 and truncating.
    number = int(value + 0.5) if isinstance(value, float) else int(value)
    bits = BITS.get(target, 32)
    lowest, highest = (-(1 << bits - 1), (1 << bits - 1) - 1) if target in SIGNED else (0, (1 << bits) - 1)
    if not lowest <= number <= highest:
        raise OverflowError
    return number


def _boolean(value: Any) -> bool:
    if not isinstance(value, str):
        if math.isnan(value):
            raise ValueError
        return bool(value != 0)
    known = {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
    if known is None:
        raise ValueError
    return known


def _string(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, ua.LocalizedText):
        return value.Text
    if isinstance(value, ua.QualifiedName):
        return value.Name
    if isinstance(value, ua.NodeId):
        return value.to_string()
    return str(value)
