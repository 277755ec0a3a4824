"""Makes events with the fields that every event has (OPC 10000-5 v1.05 §6.4.2)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from opcua_server.event_types import SERVER, EventTypes
from opcua_server.monitoring.event import Event, Path
from opcua_server.nodes import standard_id
from opcua_server.wire.messages import now_ticks
from runtime.opcua_link.filetime import FileTime

LOW, MEDIUM, HIGH = 100, 500, 800
"""Severities: 1 is for information, 1,000 for a catastrophe."""
_OVERFLOW = standard_id(ua.ObjectIds.EventQueueOverflowEventType)
V = ua.VariantType


def new_event_id() -> bytes:
    """Return an EventId that no other event of any server has."""
    return secrets.token_bytes(16)


class Events:
    """Events of an address space."""

    def __init__(self, address_space: AddressSpace) -> None:
        self.types = EventTypes(address_space)

    def make(
        self,
        type_id: ua.NodeId,
        source: ua.NodeId,
        source_name: str,
        message: str,
        severity: int,
        fields: Mapping[str, ua.Variant] | None = None,
        *,
        ticks: int | None = None,
        received: int | None = None,
        event_id: bytes | None = None,
        notifiers: frozenset[ua.NodeId] | None = None,
    ) -> Event:
        """Return an event that happened now, or at a time; `fields` are those beyond BaseEventType's.

        It was `received` at that time, too, if nothing else is said, and its source says where it is told.
        """
        time = ua.Variant(FileTime.of(now_ticks() if ticks is None else ticks), V.DateTime)
        receive_time = time if received is None else ua.Variant(FileTime.of(received), V.DateTime)
        base = {
            "EventId": ua.Variant(event_id or new_event_id(), V.ByteString),
            "EventType": ua.Variant(type_id, V.NodeId),
            "SourceNode": ua.Variant(source, V.NodeId),
            "SourceName": ua.Variant(source_name, V.String),
            "Time": time,
            "ReceiveTime": receive_time,
            "Message": ua.Variant(ua.LocalizedText(message), V.LocalizedText),
            "Severity": ua.Variant(severity, V.UInt16),
        }
        all_fields: dict[Path, ua.Variant] = {(name,): value for name, value in (base | dict(fields or {})).items()}
        told = self.types.notifiers(source) if notifiers is None else notifiers
        return Event(type_id, frozenset(self.types.line(type_id)), source, told, all_fields)

    def overflow(self) -> Event:
        """Return the event that tells of lost ones (OPC 10000-5 v1.05 §6.4.34)."""
        name, message = "Internal/EventQueueOverflow", "Events were lost: the queue of the monitored item was full"
        return self.make(_OVERFLOW, SERVER, name, message, MEDIUM)
