"""Nodes whose events can be read from history, and what there is of them (OPC 10000-11 v1.05 §5.4)."""

from __future__ import annotations

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from opcua_server import anomaly_events
from opcua_server.event_types import BASE_EVENT_TYPE, SERVER
from opcua_server.nodes import NodeBuilder
from opcua_server.standard_values import constant
from plant.names import NAMESPACE_INDEX, PLANT

NOTIFIER = int(ua.EventNotifier.SubscribeToEvents.mask | ua.EventNotifier.HistoryRead.mask)
_FILTER = "HistoricalEventFilter"
_BASE_FIELDS = ("EventId", "EventType", "SourceNode", "SourceName", "Time", "ReceiveTime", "Message", "Severity")
_CONFIGURATION = f"{PLANT}.HistoryConfiguration.Events"


def add_configuration(builder: NodeBuilder, folder: ua.NodeId) -> ua.NodeId:
    """Say which EventTypes are recorded, once for all notifiers."""
    ids = ua.ObjectIds
    node = builder.add_object(
        _CONFIGURATION,
        folder,
        type_id=ids.HistoricalEventConfigurationType,
        reference=ids.Organizes,
        description="Which events are recorded",
    )
    types = builder.add_object(f"{_CONFIGURATION}.EventTypes", node, type_id=ids.FolderType, namespace=0)
    builder.refer(types, ids.Organizes, anomaly_events.TYPE)
    return node


def describe(builder: NodeBuilder, path: str, node: ua.NodeId, configuration: ua.NodeId) -> None:
    """Say of a notifier what its history has (§5.4.2, §5.4.3)."""
    builder.add_property(f"{path}.{_FILTER}", node, ua.ObjectIds.EventFilter, _filter(), ua.VariantType.ExtensionObject)
    builder.refer(node, ua.ObjectIds.HasHistoricalConfiguration, configuration)


def add_server(builder: NodeBuilder, plant: ua.NodeId, configuration: ua.NodeId) -> None:
    """Let the Server object be the notifier above the plant."""
    builder.relate(SERVER, ua.ObjectIds.HasNotifier, plant)
    describe(builder, "Server", SERVER, configuration)


def show(space: AddressSpace) -> None:
    """Let the Server object tell that its events have history; those of audits are in the trail instead."""
    space[SERVER].attributes[ua.AttributeIds.EventNotifier] = constant(NOTIFIER, ua.VariantType.Byte)


def has_history(space: AddressSpace, node: ua.NodeId) -> bool:
    """Tell whether events can be read from a node's history; there need be no such node."""
    data = space.read_attribute_value(node, ua.AttributeIds.EventNotifier)
    value = data.Value.Value if data.Value is not None else None
    return isinstance(value, int) and bool(value & ua.EventNotifier.HistoryRead.mask)


def _filter() -> ua.EventFilter:
    """Return all fields that are recorded, and of which events."""
    selects = [_select(BASE_EVENT_TYPE, ua.QualifiedName(name, 0)) for name in _BASE_FIELDS]
    selects += [
        _select(anomaly_events.TYPE, ua.QualifiedName(field.name, NAMESPACE_INDEX)) for field in anomaly_events.FIELDS
    ]
    operand = ua.LiteralOperand(ua.Variant(anomaly_events.TYPE, ua.VariantType.NodeId))
    where = ua.ContentFilterElement(ua.FilterOperator.OfType, [operand])
    return ua.EventFilter(selects, ua.ContentFilter([where]))


def _select(event_type: ua.NodeId, name: ua.QualifiedName) -> ua.SimpleAttributeOperand:
    return ua.SimpleAttributeOperand(event_type, [name], ua.AttributeIds.Value)
