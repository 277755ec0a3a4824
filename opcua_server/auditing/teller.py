"""Tells one action to the trail and, as an event, to the clients that listen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from asyncua import ua
from asyncua.crypto.permission_rules import User

from opcua_server.auditing import record
from opcua_server.auditing.record import Record
from opcua_server.events import LOW, MEDIUM, Events, new_event_id
from opcua_server.monitoring.event import Event
from opcua_server.nodes import standard_id
from opcua_server.status import status_code
from opcua_server.wire.messages import now_ticks
from plant import quality


class Trail(Protocol):
    """Where records are kept."""

    def put(self, record: Record) -> None:
        """Keep one; never waits."""


class Actor(Protocol):
    """The session of who does something."""

    id: ua.NodeId

    @property
    def user(self) -> User:
        """Who is logged in."""

    @property
    def peer(self) -> str:
        """Address of the client."""


class Teller:
    """Where all audited actions go."""

    def __init__(
        self,
        trail: Trail,
        events: Events,
        notify: Callable[[Event], None],
        is_listening: Callable[[], bool],
        server_id: str,
    ) -> None:
        """`server_id` is what no other server has, an ApplicationUri."""
        self._trail = trail
        self._events = events
        self._notify = notify
        self._is_listening = is_listening
        self._server_id = server_id

    def tell(
        self,
        kind: str,
        source: ua.NodeId,
        source_name: str,
        message: str,
        code: int,
        fields: Mapping[str, ua.Variant],
        user: str | None = None,
        entry_id: str = "",
        *,
        session: ua.NodeId | None = None,
        peer: str = "",
        began: int | None = None,
    ) -> bytes:
        """Tell of one action; return its EventId."""
        ticks, event_id, message = now_ticks(), new_event_id(), record.cut(message) or ""
        told = Record(
            event_type=kind,
            source=source,
            source_name=source_name,
            message=message,
            code=code,
            ticks=ticks,
            event_id=event_id,
            began=ticks if began is None else began,
            user=record.cut(user),
            entry_id=record.cut(entry_id) or "",
            session=session,
            peer=peer,
            fields=fields,
        )
        self._trail.put(told)
        if self._is_listening():
            self._notify(
                self._events.make(
                    standard_id(getattr(ua.ObjectIds, kind)),
                    source,
                    source_name,
                    message,
                    MEDIUM if quality.is_bad(code) else LOW,
                    told.event_fields(self._server_id),
                    ticks=ticks,
                    event_id=event_id,
                )
            )
        return event_id


def status(code: int) -> ua.Variant:
    """Return a StatusCode as a field."""
    return ua.Variant(status_code(code), ua.VariantType.StatusCode)


def outcome(done: str, code: int, reason: str = "") -> str:
    """Return how it went, in words."""
    if not quality.is_bad(code):
        return done
    return f"not {done}: {reason or status_code(code).name}"
