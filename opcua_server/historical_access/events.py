"""Events of a notifier, either way, page by page (OPC 10000-11 v1.05 §6.5.2); filters are those of live events."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from opcua_server.anomaly_events import AnomalyEvents
from opcua_server.historical_access.points import ContinuationPoint
from opcua_server.historical_access.raw import Span
from opcua_server.monitoring.event import Event
from opcua_server.monitoring.event_filter import EventFilter
from timeseries.event_log import EventReader

_AT_ONCE = 500
"""Events that are read from the disk at once."""


@dataclass(frozen=True, slots=True)
class Point(ContinuationPoint):
    """Time and number of the event that was looked at last."""

    layout = struct.Struct("<qq")

    time: int
    id: int


@dataclass(slots=True)
class Room:
    """How much a call may still return and look at; each of its nodes gets on by one event at least."""

    events: int
    octets: int
    looks: int
    """Events that the filter looks at: where few pass, an answer may have none, and a continuation point."""

    def take(self, fields: bytes) -> None:
        """Count an event that is returned."""
        self.events -= 1
        self.octets -= len(fields)

    @property
    def is_full(self) -> bool:
        """True when nothing more is returned."""
        return self.events <= 0 or self.octets <= 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events, and what of them."""

    source: str | None
    """The reactor; None: all."""
    span: Span
    most: int
    filter: EventFilter
    may_have: Callable[[Event], bool]
    """Tells whether an event is for who asks."""


def read(
    reader: EventReader, events: AnomalyEvents, wanted: Wanted, room: Room, point: Point | None
) -> tuple[list[bytes], Point | None]:
    """Return the fields of the first events behind a continuation point, and where the rest begins; None: no more."""
    low, high = wanted.span.within
    backward = wanted.span.is_backward
    place = (point.time, point.id) if point is not None else None
    found: list[bytes] = []
    while True:
        count = max(1, min(_AT_ONCE, room.looks))
        page = reader.page(wanted.source, low, high, count, place, backward=backward)
        for each in page:
            event = events.make(each)
            if wanted.may_have(event) and wanted.filter.passes(event):
                if found and (len(found) >= wanted.most or room.is_full):
                    assert place is not None  # noqa: S101 - of what was found
                    return found, Point(*place)
                found.append(wanted.filter.fields(event))
                room.take(found[-1])
            place = each.place
        room.looks -= len(page)
        if len(page) < count or place is None:
            return found, None
        if room.looks <= 0:
            return found, Point(*place)
