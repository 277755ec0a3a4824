"""Which built-in type a node's values are of."""

from __future__ import annotations

from typing import Any, Final

from asyncua import ua

LAST: Final = 25
"""Of the built-in types."""
ABSTRACT: Final = frozenset(
    (ua.ObjectIds.BaseDataType, ua.ObjectIds.Number, ua.ObjectIds.Integer, ua.ObjectIds.UInteger)
)
"""Values are of a type below these."""


def builtin_type(data: ua.DataValue) -> int:
    """Return the built-in type that a DataType attribute names, 0 for others."""
    value: Any = data.Value.Value if data.Value is not None else None
    if isinstance(value, ua.NodeId) and value.NamespaceIndex == 0 and isinstance(value.Identifier, int):
        return value.Identifier if value.Identifier <= LAST and value.Identifier not in ABSTRACT else 0
    return 0


def present_type(data: ua.DataValue) -> int:
    """Return the built-in type that a value is of, 0 where there is none."""
    kind = data.Value.VariantType.value if data.Value is not None else 0
    return kind if kind <= LAST else 0
