"""Which built-in type values of a DataType have on the wire."""

from __future__ import annotations

from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from opcua_server.nodes import standard_id

_HAS_SUBTYPE = standard_id(ua.ObjectIds.HasSubtype)
_BUILT_IN = range(1, 26)
_ABSTRACT = {ua.ObjectIds.Enumeration: ua.VariantType.Int32, ua.ObjectIds.Structure: ua.VariantType.ExtensionObject}


def built_in_type(space: AddressSpace, data_type: ua.NodeId) -> ua.VariantType:
    """Return the built-in type of a concrete standard DataType, by what it is a subtype of."""
    while True:
        number: Any = data_type.Identifier
        if number in _ABSTRACT:
            return _ABSTRACT[number]
        if number in _BUILT_IN:
            return ua.VariantType(number)
        data_type = next(
            reference.NodeId
            for reference in space[data_type].references
            if not reference.IsForward and reference.ReferenceTypeId == _HAS_SUBTYPE
        )


def type_of_variable(space: AddressSpace, node_id: ua.NodeId) -> ua.VariantType:
    """Return the built-in type of a Variable's Value."""
    data: Any = space[node_id].attributes[ua.AttributeIds.DataType].value
    return built_in_type(space, data.Value.Value)
