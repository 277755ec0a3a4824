"""The events of anomalies: their type, and each as clients get it, at once or from history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asyncua import ua

from opcua_server.events import Events
from opcua_server.monitoring.event import Event
from opcua_server.nodes import NodeBuilder, plant_id
from plant.names import AREA, NAMESPACE_INDEX, PLANT
from runtime.opcua_link.filetime import FileTime
from timeseries.event_log import Occurrence

TYPE_NAME = "AnomalyEventType"
TYPE = plant_id(TYPE_NAME)
V = ua.VariantType


@dataclass(frozen=True, slots=True)
class Field:
    """A field beyond BaseEventType's, a Property of the type."""

    name: str
    kind: ua.VariantType
    description: str
    value: Callable[[Occurrence], Any]
    """None is null."""

    @property
    def path(self) -> str:
        """As it is in an Event."""
        return f"{NAMESPACE_INDEX}:{self.name}"


FIELDS = (
    Field("Reactor", V.String, "Name of the reactor, R101", lambda each: each.source),
    Field("Active", V.Boolean, "True of a beginning, False of an end", lambda each: each.is_beginning),
    Field("Cause", V.String, "What stood out at the beginning, T high; empty if unknown", lambda each: each.cause),
    Field("Score", V.Double, "1 is the limit: at the beginning; of an end the worst since", lambda each: each.score),
    Field("StartTime", V.DateTime, "When the anomaly began, plant time", lambda each: FileTime.of(each.began)),
    Field(
        "EndTime",
        V.DateTime,
        "When it ended, plant time; null at the beginning",
        lambda each: None if each.is_beginning else FileTime.of(each.ended or each.time),
    ),
    Field("Epoch", V.UInt32, "Plant.Simulation.Epoch at the time of the event", lambda each: each.epoch),
)


def add_type(builder: NodeBuilder) -> None:
    """Add the EventType (SystemEventType: of a system that the server represents, OPC 10000-3 v1.05 §9.3)."""
    builder.add_object_type(
        TYPE_NAME, "The detector's verdict on a reactor: an anomaly begins or ends", ua.ObjectIds.SystemEventType
    )
    for field in FIELDS:
        data_type = ua.ObjectIds.UtcTime if field.kind is V.DateTime else field.kind.value
        builder.add_property(
            f"{TYPE_NAME}.{field.name}",
            TYPE,
            data_type,
            None,
            V.Null,
            ua.ObjectIds.ModellingRule_Mandatory,
            description=field.description,
            namespace=NAMESPACE_INDEX,
        )


class AnomalyEvents:
    """Makes them; after that of the address space nothing is asked any more, so a thread may."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self.types = events.types
        self.above = events.types.notifiers(plant_id(f"{PLANT}.{AREA}"))
        """The notifiers of all reactors' events."""
        events.types.line(TYPE)

    def make(self, each: Occurrence) -> Event:
        """Return the event: of one occurrence always the same."""
        source = plant_id(each.source)
        values = {field: field.value(each) for field in FIELDS}
        return self._events.make(
            TYPE,
            source,
            each.source,
            each.message,
            each.severity,
            {field.path: ua.Variant(value, field.kind) for field, value in values.items() if value is not None},
            ticks=each.time,
            received=each.server_time,
            event_id=each.event_id,
            notifiers=self.above | {source},
        )
