"""What is changed of asyncua's standard nodes: what clients find works, and is as the standard has it."""

from __future__ import annotations

from typing import Any

from asyncua import ua
from asyncua.server.address_space import NodeData

from opcua_server.nodes import standard_id

Nodes = dict[ua.NodeId, NodeData]

UNSUPPORTED = (
    "AliasUpdateDataType_DataSetClassId",
    "AliasUpdateDataType_DataSetMetaData",
    "Locations",
    "Aliases",
    "FileSystem",
    "Dictionaries",
    "Quantities",
    "DefaultHAConfiguration",
    "DefaultHEConfiguration",
    "PublishSubscribe",
    "Resources",
    "ServerConfiguration",
    "ServerLog",
    "OPCUANamespaceMetadata_DefaultAccessRestrictions",
    "OPCUANamespaceMetadata_DefaultRolePermissions",
    "OPCUANamespaceMetadata_DefaultUserRolePermissions",
    "Server_EstimatedReturnTime",
    "Server_RequestServerStateChange",
    "Server_SetSubscriptionDurable",
    "Server_ServerDiagnostics_SamplingIntervalDiagnosticsArray",
    "Server_ServerRedundancy_RedundantServerArray",
)
"""Instances without behaviour behind them, each with all below it; nothing mandatory (OPC 10000-5 v1.05 §6.3).

Nobody can say when a server that was ended runs again, so there is no EstimatedReturnTime; who may do what with a
standard node is said by the node, for there is no one default of them; sampling is of any interval,
so there is no SamplingIntervalDiagnosticsArray.
"""
ABSTRACT_VARIABLE_TYPES = (
    "BaseVariableType",
    "DiscreteItemType",
    "ArrayItemType",
    "VectorType",
    "CartesianCoordinatesType",
    "OrientationType",
    "FrameType",
)
"""All that are (OPC 10000-5 v1.05 §7, OPC 10000-8 v1.05 §5.3); asyncua says it of every VariableType."""
_OWNING = frozenset(
    standard_id(kind) for kind in (ua.ObjectIds.HasComponent, ua.ObjectIds.HasProperty, ua.ObjectIds.Organizes)
)


def apply(nodes: Nodes) -> None:
    """Change the nodes of namespace 0."""
    _remove_unsupported(nodes)
    _mark_concrete_types(nodes)


def _remove_unsupported(nodes: Nodes) -> None:
    gone: set[ua.NodeId] = set()
    for name in UNSUPPORTED:
        _collect(nodes, standard_id(getattr(ua.ObjectIds, name)), gone)
    for node_id in gone:
        del nodes[node_id]
    for node in nodes.values():
        if any(reference.NodeId in gone for reference in node.references):
            node.references = [reference for reference in node.references if reference.NodeId not in gone]


def _mark_concrete_types(nodes: Nodes) -> None:
    abstract = {standard_id(getattr(ua.ObjectIds, name)) for name in ABSTRACT_VARIABLE_TYPES}
    for node_id, node in nodes.items():
        node_class: Any = node.attributes[ua.AttributeIds.NodeClass].value
        if node_class.Value.Value == ua.NodeClass.VariableType:
            is_abstract = ua.Variant(node_id in abstract, ua.VariantType.Boolean)
            node.attributes[ua.AttributeIds.IsAbstract].value = ua.DataValue(is_abstract)


def _collect(nodes: Nodes, root: ua.NodeId, gone: set[ua.NodeId]) -> None:
    """Add a node and what only nodes that go own."""
    gone.add(root)
    for reference in nodes[root].references:
        if reference.IsForward and reference.ReferenceTypeId in _OWNING and reference.NodeId not in gone:
            owners = {
                back.NodeId
                for back in nodes[reference.NodeId].references
                if not back.IsForward and back.ReferenceTypeId in _OWNING
            }
            if owners <= gone:
                _collect(nodes, reference.NodeId, gone)
