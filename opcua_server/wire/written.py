"""Reads a WriteRequest: scalars by struct, what is rare by the library's codec."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from asyncua import ua

from opcua_server.wire.decoding import Budget, budgeted
from opcua_server.wire.records import SERVER, SOURCE, STATUS, VALUE
from opcua_server.wire.requests import count_of, end_of_node_id, end_of_string, taken, unsigned
from runtime.opcua_link.datavalues import status_of
from runtime.opcua_link.filetime import FileTime, ticks_of

_SCALARS = {
    1: struct.Struct("<?"),
    2: struct.Struct("<b"),
    3: struct.Struct("<B"),
    4: struct.Struct("<h"),
    5: struct.Struct("<H"),
    6: struct.Struct("<i"),
    7: struct.Struct("<I"),
    8: struct.Struct("<q"),
    9: struct.Struct("<Q"),
    10: struct.Struct("<f"),
    11: struct.Struct("<d"),
    13: struct.Struct("<q"),
}
"""Of the built-in types of fixed width; a DateTime is its ticks."""
_PLAIN = VALUE | STATUS | SOURCE | SERVER
"""A DataValue without picoseconds."""
NOT_SCALAR = -1


class Written(NamedTuple):
    """One WriteValue (OPC 10000-4 v1.05 §5.11.4.2); its times do not matter, the plant's own are kept."""

    node: bytes
    """NodeId on the wire."""
    attribute: int
    index_range: str
    type_number: int
    """Built-in type of the value, 0 for null, NOT_SCALAR for arrays."""
    value: Any
    """A DateTime as ticks."""
    status: int

    def as_variant(self) -> ua.Variant:
        """Return the value; null for arrays, which nothing takes."""
        if self.value is None:
            return ua.Variant(None, ua.VariantType.Null)
        vtype: Any = ua.datatype_to_varianttype(self.type_number)  # reserved ones, too
        return ua.Variant(FileTime.of(self.value) if vtype is ua.VariantType.DateTime else self.value, vtype)


def written_values(data: bytes, at: int) -> list[Written]:
    """Return what a WriteRequest wants written."""
    count = count_of(data, at)
    at += 4
    values: list[Written] = []
    budget = Budget()
    for _ in range(count):
        end = end_of_node_id(data, at)
        node, attribute = data[at:end], unsigned(data, end)
        at = end_of_string(data, end + 4)
        index_range = data[end + 8 : at].decode(errors="surrogateescape")  # refused as no range
        mask = data[at]
        kind = data[at + 1] if mask & VALUE else 0
        scalar = _SCALARS.get(kind)
        if scalar is not None and mask & VALUE and not mask & ~_PLAIN:
            (value,) = scalar.unpack_from(data, at + 2)
            at += 2 + scalar.size
            status = unsigned(data, at) if mask & STATUS else 0
            at += 4 * bool(mask & STATUS) + 8 * bool(mask & SOURCE) + 8 * bool(mask & SERVER)
        else:
            buffer = budgeted(data, at, budget)
            kind, value, status = _of_data_value(taken(ua.DataValue, buffer))
            at = buffer.cur_pos
        values.append(Written(node, attribute, index_range, kind, value, status))
    return values


def _of_data_value(data: ua.DataValue) -> tuple[int, Any, int]:
    status = status_of(data)
    variant = data.Value
    if variant is None or variant.Value is None:
        return 0, None, status
    kind = variant.VariantType.value
    if variant.is_array:
        return NOT_SCALAR, None, status
    return kind, ticks_of(variant.Value) if kind == ua.VariantType.DateTime.value else variant.Value, status
