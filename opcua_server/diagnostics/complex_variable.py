"""Variables with a structure as their Value and a component for each of its fields, made when they are asked for."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeData
from asyncua.ua.ua_binary import struct_to_binary, variant_to_binary

from opcua_server.data_types import type_of_variable
from opcua_server.diagnostics.readings import Readings
from opcua_server.diagnostics.secrecy import LOCAL
from opcua_server.nodes import standard_id
from opcua_server.standard_values import computed, constant, variant_of

SAMPLING_MS = 1000.0
"""Diagnostics are sampled no more often."""
HAS_COMPONENT = standard_id(ua.ObjectIds.HasComponent)
_HAS_TYPE = standard_id(ua.ObjectIds.HasTypeDefinition)
_BASE_TYPE = standard_id(ua.ObjectIds.BaseDataVariableType)
_PACKS = {
    ua.VariantType.UInt32: struct.Struct("<I").pack,
    ua.VariantType.Double: struct.Struct("<d").pack,
    ua.VariantType.Boolean: struct.Struct("<?").pack,
    ua.VariantType.Byte: struct.Struct("<B").pack,
}
_COUNTER = struct.Struct("<II")


def local_id(path: str) -> ua.NodeId:
    """Return the NodeId of a path such as `Subscription.7.ModifyCount`."""
    return ua.NodeId(ua.String(path), ua.Int16(LOCAL))


class ComplexVariable:
    """One VariableType, by the InstanceDeclaration that is to be instantiated."""

    def __init__(self, space: AddressSpace, declaration: str, structure: str, readings: Readings) -> None:
        self._declaration = space[standard_id(getattr(ua.ObjectIds, declaration))]
        self._type = next(each for each in self._declaration.references if each.ReferenceTypeId == _HAS_TYPE)
        self._encoding = standard_id(getattr(ua.ObjectIds, f"{structure}_Encoding_DefaultBinary"))
        self._readings = readings
        components = (each for each in space[self._type.NodeId].references if each.ReferenceTypeId == HAS_COMPONENT)
        self._components = {
            each.BrowseName.Name: (space[each.NodeId], type_of_variable(space, each.NodeId)) for each in components
        }

    def read(self, subject: Any) -> ua.ExtensionObject:
        """Return the structure, encoded here: asyncua takes a field that is named Encoding for something else."""
        fields = (_encoded(read(subject), self._components[name][1]) for name, read in self._readings.items())
        return ua.ExtensionObject(self._encoding, ua.ByteString(b"".join(fields)))

    def whole(self, path: str, subject: Any, owners: Sequence[ua.ReferenceDescription]) -> NodeData:
        """Return the Variable of the structure; `owners` are its inverse references."""
        value = computed(lambda: self.read(subject), ua.VariantType.ExtensionObject)
        node = instance(self._declaration, path, value)
        components = [
            reference(local_id(f"{path}.{name}"), declared, _BASE_TYPE)
            for name, (declared, _) in self._components.items()
        ]
        node.references = [self._type, *owners, *components]
        return node

    def component(self, path: str, name: str, subject: Any) -> NodeData | None:
        """Return the Variable of a field, given the path of the whole; None when there is none of this name."""
        found = self._components.get(name)
        if found is None:
            return None
        declared, kind = found
        node = instance(declared, f"{path}.{name}", computed(lambda: self._readings[name](subject), kind))
        node.references = [
            next(each for each in declared.references if each.ReferenceTypeId == _HAS_TYPE),
            self.seen_from(path, is_forward=False),
        ]
        return node

    def seen_from(self, path: str, *, is_forward: bool = True) -> ua.ReferenceDescription:
        """Return the reference to the Variable of the structure."""
        return reference(local_id(path), self._declaration, self._type.NodeId, is_forward=is_forward)


def instance(declared: NodeData, path: str, value: Any) -> NodeData:
    """Return a Variable as it is declared, with its own NodeId and Value."""
    node = NodeData(local_id(path))
    node.attributes = {
        **declared.attributes,
        ua.AttributeIds.NodeId: constant(node.nodeid, ua.VariantType.NodeId),
        ua.AttributeIds.MinimumSamplingInterval: constant(SAMPLING_MS, ua.VariantType.Double),
        ua.AttributeIds.Value: value,
    }
    return node


def reference(
    target: ua.NodeId, like: NodeData, type_definition: ua.NodeId, *, is_forward: bool = True
) -> ua.ReferenceDescription:
    """Return a HasComponent reference to a node that is named like another."""
    browse_name, display_name, node_class = (
        _value(like, name)
        for name in (ua.AttributeIds.BrowseName, ua.AttributeIds.DisplayName, ua.AttributeIds.NodeClass)
    )
    return ua.ReferenceDescription(
        HAS_COMPONENT, is_forward, target, browse_name, display_name, node_class, type_definition
    )


def _encoded(value: Any, kind: ua.VariantType) -> bytes:
    """Return a field of a structure on the wire: as in a Variant but without a type, a structure without its TypeId."""
    pack = _PACKS.get(kind)
    if pack is not None and not isinstance(value, list):
        return pack(value)
    if isinstance(value, ua.ServiceCounterDataType):
        return _COUNTER.pack(value.TotalCount, value.ErrorCount)
    if kind is ua.VariantType.ExtensionObject:
        return struct_to_binary(value)
    return variant_to_binary(variant_of(value, kind))[1:]


def _value(node: NodeData, name: ua.AttributeIds) -> Any:
    data: Any = node.attributes[name].value
    return data.Value.Value
