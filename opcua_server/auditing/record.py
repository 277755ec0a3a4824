"""One audited action: as the fields of an event, and as a line of the audit trail: pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from asyncua import ua
from asyncua.ua.ua_binary import variant_to_binary

from opcua_server.status import status_code
from plant import quality
from plant.clock import text_from_ticks
from runtime.opcua_link.filetime import FileTime, ticks_of

MOST_CHARACTERS, MOST_ARGUMENTS, MOST_CERTIFICATE_BYTES = 1_000, 100, 16_384
"""Of what a client has sent: the rest is not kept."""
_NOT_IN_LINES = ("ClientCertificate", "Certificate", "StatusCodeId", "SessionId")
V = ua.VariantType


@dataclass(frozen=True, slots=True)
class Record:
    """One action of a client."""

    event_type: str
    """E.g. `AuditWriteUpdateEventType`."""
    source: ua.NodeId
    source_name: str
    message: str
    code: int
    """StatusCode of the action."""
    ticks: int
    """When it was done, and told."""
    event_id: bytes
    began: int
    """When it was asked for."""
    user: str | None = None
    """ClientUserId; None of an Anonymous user."""
    entry_id: str = ""
    """AuditEntryId of the request."""
    session: ua.NodeId | None = None
    """SessionId."""
    peer: str = ""
    """Network address of the client, where it is known."""
    fields: Mapping[str, ua.Variant] = field(default_factory=dict)
    """Those of the event type beyond AuditEventType's."""

    def event_fields(self, server_id: str) -> dict[str, ua.Variant]:
        """Return the fields of an audit event (OPC 10000-5 v1.05 §6.4.3) and of its type."""
        return {
            "ActionTimeStamp": ua.Variant(FileTime.of(self.began), V.DateTime),
            "Status": ua.Variant(not quality.is_bad(self.code), V.Boolean),
            "ServerId": text(server_id),
            "ClientAuditEntryId": text(self.entry_id),
            "ClientUserId": text(self.user),
            **self.fields,
        }

    def line(self) -> bytes:
        """Return a line of JSON; certificates are told by their thumbprints."""
        facts = {
            "time": text_from_ticks(self.ticks),
            "event": self.event_type,
            "source": self.source_name,
            "node": self.source.to_string(),
            "status": status_code(self.code).name,
            "user": self.user,
            "session": self.session.to_string() if self.session is not None else None,
            "peer": self.peer or None,
            "entry": self.entry_id or None,
            "message": self.message,
            "event_id": self.event_id.hex(),
            **{name: plain(value) for name, value in self.fields.items() if name not in _NOT_IN_LINES},
        }
        return json.dumps({name: fact for name, fact in facts.items() if fact is not None}).encode() + b"\n"


def text(value: str | None) -> ua.Variant:
    """Return a String, no longer than is kept, and such as can be sent on."""
    return ua.Variant(cut(value), V.String)


def cut(value: str | None) -> str | None:
    """Return a text no longer than is kept, without what is no Unicode."""
    if value is None:
        return None
    kept = value if len(value) <= MOST_CHARACTERS else f"{value[:MOST_CHARACTERS]}… ({len(value)} characters)"
    return kept.encode("utf-8", "replace").decode()


def bounded(value: ua.Variant) -> ua.Variant:
    """Return a value that a client has sent; of one that is too long to be kept a text's beginning, else null."""
    try:
        if len(variant_to_binary(value)) <= MOST_CHARACTERS:
            return value
    except UnicodeEncodeError:
        pass  # not what can be sent on
    is_text = value.VariantType is V.String and not value.is_array
    return text(value.Value) if is_text else ua.Variant(None, V.Null)


def bounded_id(node: ua.NodeId) -> ua.NodeId:
    """Return a NodeId that a client has sent; null in place of one that is too long to be kept."""
    identifier = node.Identifier
    is_long = isinstance(identifier, str | bytes) and len(identifier) > MOST_CHARACTERS
    return ua.NodeId() if is_long else node


def certificate(data: bytes | None) -> ua.Variant:
    """Return a client's certificate; null where there is none, or none of this size."""
    return ua.Variant(data if data and len(data) <= MOST_CERTIFICATE_BYTES else None, V.ByteString)


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, ua.Variant):
        return plain(value.Value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, ua.NodeId):
        return value.to_string()
    if isinstance(value, ua.StatusCode):
        return value.name
    if isinstance(value, ua.LocalizedText):
        return value.Text
    if isinstance(value, ua.DataValue):
        time = text_from_ticks(ticks_of(value.SourceTimestamp)) if value.SourceTimestamp is not None else None
        return {"time": time, "value": plain(value.Value), "status": plain(value.StatusCode)}
    if isinstance(value, datetime):
        return text_from_ticks(ticks_of(value))
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, float):
        return value if value - value == 0.0 else str(value)
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, Iterable):
        return [plain(each) for each in value]
    return type(value).__name__
