"""Answers to who reads the history of events, node by node."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from opcua_server.access.permissions import READ_HISTORY
from opcua_server.access.rights import Rights
from opcua_server.anomaly_events import AnomalyEvents
from opcua_server.historical_access import event_nodes, events
from opcua_server.historical_access.answer import asked_of, question_of, span_of
from opcua_server.historical_access.encoding import Result
from opcua_server.historical_access.events import Point, Room, Wanted
from opcua_server.historical_access.points import Seals
from opcua_server.limits import ServerLimits
from opcua_server.monitoring.event import Event
from opcua_server.monitoring.event_filter import EventFilter
from opcua_server.services import event_filters, index_range
from plant import quality
from timeseries.event_log import EventReader

log = logging.getLogger("server")

MAX_EVENTS_PER_READ, MAX_EVENTS_PER_CALL = 1_000, 10_000
"""Of one node, and of all nodes together; what is beyond comes by continuation points."""
MOST_OCTETS, MOST_LOOKS = 4_000_000, 20_000
"""Of a call: bytes of fields, and events that filters look at."""
_UNSUPPORTED = Result(int(ua.StatusCodes.BadHistoryOperationUnsupported))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call, with all that only the address space can say; the rest may be answered in a thread."""

    rights: Rights
    details: Any
    nodes: Sequence[tuple[ua.HistoryReadValueId, bool, bool]]
    """Each with whether it is there, and whether it has events in history."""
    filter: EventFilter | None
    """None for one that cannot be."""
    seals: Seals
    """Of continuation points, each of a question about one node."""
    asked: bytes
    """What all these questions have in common."""


class EventHistory:
    """What has been recorded of events."""

    def __init__(self, reader: EventReader, made: AnomalyEvents, space: AddressSpace, limits: ServerLimits) -> None:
        self._reader = reader
        self._made = made
        self._space = space
        self._limits = limits

    def close(self) -> None:
        """Close it."""
        self._reader.close()

    def results(
        self, rights: Rights, params: ua.HistoryReadParameters, seals: Seals, octets: int
    ) -> Iterator[list[bytes]]:
        """Return an iterator that reads and yields the HistoryReadResults, node by node in parts, in any thread."""
        details: Any = params.HistoryReadDetails
        nodes = [
            (node, node.NodeId in self._space, event_nodes.has_history(self._space, node.NodeId))
            for node in params.NodesToRead
        ]
        agreed, _ = event_filters.agree(details.Filter, self._made.types, self._limits)
        asked = _Asked(rights, details, nodes, agreed, seals, asked_of(details))
        return self._results(asked, Room(MAX_EVENTS_PER_CALL, min(MOST_OCTETS, octets), MOST_LOOKS))

    def _results(self, asked: _Asked, room: Room) -> Iterator[list[bytes]]:
        for node, is_there, has_history in asked.nodes:
            status = asked.rights.status(node.NodeId, READ_HISTORY)
            if not is_there or not asked.rights.sees(node.NodeId):
                result = Result(quality.BAD_NODE_ID_UNKNOWN)
            elif not has_history:
                result = _UNSUPPORTED
            elif quality.is_bad(status):
                result = Result(status)
            else:
                result = self._result(asked, node, room)
            yield result.encoded()

    def _result(self, asked: _Asked, node: ua.HistoryReadValueId, room: Room) -> Result:
        details = asked.details
        if getattr(details, "ReadModified", False) or getattr(details, "SortClause", None):
            return _UNSUPPORTED  # nothing is ever changed, and what is sorted is by time
        if node.IndexRange:
            return Result(index_range.refusal_in_history(node.IndexRange))
        span = span_of(details)
        if span is None:
            return Result(int(ua.StatusCodes.BadHistoryOperationInvalid))
        if asked.filter is None:
            return Result(int(ua.StatusCodes.BadEventFilterInvalid))
        question = question_of(asked.asked, node.NodeId)
        try:
            octets = asked.seals.opened(question, node.ContinuationPoint or b"")
            point = Point.of(octets) if octets else None
        except ValueError:
            return Result(int(ua.StatusCodes.BadContinuationPointInvalid))

        def may_have(event: Event) -> bool:
            return asked.rights.receives(event.type, event.source)

        source = None if node.NodeId in self._made.above else str(node.NodeId.Identifier)
        most = min(details.NumValuesPerNode or MAX_EVENTS_PER_READ, MAX_EVENTS_PER_READ)
        wanted = Wanted(source, span, most, asked.filter, may_have)
        try:
            found, rest = events.read(self._reader, self._made, wanted, room, point)
        except sqlite3.Error as error:
            log.error("history of events cannot be read: %s", error)
            return Result(int(ua.StatusCodes.BadResourceUnavailable))
        return Result(
            quality.GOOD if found or rest is not None else quality.GOOD_NO_DATA,
            asked.seals.sealed(question, rest.packed() if rest is not None else b""),
            found,
            len(found),
            are_events=True,
        )
