"""Which built-in type a node's values are of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from asyncua import ua

from runtime.opcua_link.builtin import INT32
from runtime.opcua_link.session import Session

LAST: Final = 25
"""Of the built-in types (OPC 10000-6 v1.05 §5.1.2)."""
ABSTRACT: Final = frozenset(
    (ua.ObjectIds.BaseDataType, ua.ObjectIds.Number, ua.ObjectIds.Integer, ua.ObjectIds.UInteger)
)
"""Values are of a type below these."""
MOST_LEVELS: Final = 20
"""Of types derived from each other."""


async def builtin_types(session: Session, data_types: Sequence[ua.DataValue]) -> list[int]:
    """Return which built-in type each DataType attribute names, or is derived from; 0 where that is left open."""
    named = [_named(data) for data in data_types]
    reached = {node: node for node in named if node is not None}
    for _ in range(MOST_LEVELS):
        derived = list({node for node in reached.values() if not _is_base(node)})
        if not derived:
            break
        references = await session.browse(derived, ua.ObjectIds.HasSubtype, ua.BrowseDirection.Inverse)
        bases = {node: found[0].NodeId for node, found in zip(derived, references, strict=True) if found}
        reached = {node: bases.get(base, base) for node, base in reached.items() if base in bases or _is_base(base)}
    return [_builtin(reached[node]) if node in reached else 0 for node in named]


def present_type(data: ua.DataValue) -> int:
    """Return the built-in type that a value is of, 0 where there is none."""
    kind = data.Value.VariantType.value if data.Value is not None else 0
    return kind if kind <= LAST else 0


def _named(data: ua.DataValue) -> ua.NodeId | None:
    value: Any = data.Value.Value if data.Value is not None else None
    return value if isinstance(value, ua.NodeId) else None


def _is_base(node: ua.NodeId) -> bool:
    """Tell whether nothing more is learned by going on to what it is derived from."""
    return _builtin(node) != 0 or (node.NamespaceIndex == 0 and node.Identifier in ABSTRACT)


def _builtin(node: ua.NodeId) -> int:
    if node.NamespaceIndex != 0 or not isinstance(node.Identifier, int) or node.Identifier in ABSTRACT:
        return 0
    if node.Identifier == ua.ObjectIds.Enumeration:
        return INT32
    return node.Identifier if node.Identifier <= LAST else 0
