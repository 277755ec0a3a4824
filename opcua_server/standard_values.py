"""Values of standard Variables: those that stay, and those that are computed when they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue

from opcua_server.data_types import type_of_variable
from opcua_server.nodes import standard_id
from opcua_server.wire.messages import now_ticks
from runtime.opcua_link.filetime import FileTime


def put(space: AddressSpace, node: str, value: Any) -> None:
    """Give a standard Variable a value that stays, in the type that the standard has for it."""
    node_id = standard_id(getattr(ua.ObjectIds, node))
    variant = variant_of(value, type_of_variable(space, node_id))
    space[node_id].attributes[ua.AttributeIds.Value].value = ua.DataValue(variant)


def compute(space: AddressSpace, node: str, value: Callable[[], Any], *, sampling_ms: float = 0.0) -> None:
    """Ask for a standard Variable's value whenever it is read; who monitors it gets it that often at most."""
    node_id = standard_id(getattr(ua.ObjectIds, node))
    attributes = space[node_id].attributes
    attributes[ua.AttributeIds.Value] = computed(value, type_of_variable(space, node_id))
    attributes[ua.AttributeIds.MinimumSamplingInterval] = constant(sampling_ms, ua.VariantType.Double)


def computed(value: Callable[[], Any], kind: ua.VariantType) -> AttributeValue:
    """Return a Value that is asked for when it is read; a StatusCode instead of a value is its Bad status."""

    def read(node_id: ua.NodeId, attribute: ua.AttributeIds) -> ua.DataValue:
        del node_id, attribute
        now = value()
        if isinstance(now, ua.StatusCode):
            return ua.DataValue(StatusCode=now)
        return ua.DataValue(variant_of(now, kind), SourceTimestamp=FileTime.of(now_ticks()))

    attribute = AttributeValue(ua.DataValue())
    attribute.value_callback = read
    return attribute


def constant(value: Any, kind: ua.VariantType) -> AttributeValue:
    """Return an attribute that stays as it is."""
    return AttributeValue(ua.DataValue(variant_of(value, kind)))


def variant_of(value: Any, kind: ua.VariantType) -> ua.Variant:
    """Return a value as a Variant: of a list an array, which may be empty."""
    return ua.Variant(value, kind, is_array=isinstance(value, list))
