"""Raw history of signals, page by page."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence

from asyncua import ua

from plant import quality
from runtime.errors import BadInput
from runtime.opcua_link.filetime import FileTime
from runtime.opcua_link.nodes import PlantNodes
from runtime.opcua_link.records import decode_history
from runtime.opcua_link.responses import read_remembered
from runtime.opcua_link.session import Session
from runtime.opcua_link.values import Notification

AT_ONCE, LONG_AT_ONCE = 50, 10
"""Signals of one call, and of one when there is more of some than an answer holds."""


async def history(
    session: Session, names: Sequence[str], start: int, end: int, *, bounds: bool
) -> AsyncIterator[Notification]:
    """Yield what is from `start` to `end` (ticks), page by page; with `bounds`, the samples around it too.

    Of each signal it is in order. Other servers are asked about one at a time, as they may keep no more places.
    """
    parameters = ua.HistoryReadParameters(
        HistoryReadDetails=ua.ReadRawModifiedDetails(
            IsReadModified=False,
            StartTime=FileTime.of(start),
            EndTime=FileTime.of(end),
            NumValuesPerNode=ua.UInt32(0),
            ReturnBounds=bounds,
        ),
        TimestampsToReturn=ua.TimestampsToReturn.Both,
        ReleaseContinuationPoints=False,
    )
    at_once, long_at_once = (AT_ONCE, LONG_AT_ONCE) if isinstance(session.nodes, PlantNodes) else (1, 1)
    waiting = deque[tuple[int, bytes | None]]((place, None) for place in range(len(names)))
    while waiting:
        asked = [waiting.popleft() for _ in range(min(at_once, len(waiting)))]
        parameters.NodesToRead = [
            ua.HistoryReadValueId(NodeId=session.node_id(names[place]), ContinuationPoint=point)
            for place, point in asked
        ]
        places = [place for place, _ in asked]
        page, rest = await session.answer(_page(session, ua.HistoryReadRequest(Parameters=parameters), names, places))
        yield page.take(page.status != quality.BAD_BOUND_NOT_FOUND)
        if rest:
            waiting.extendleft(reversed(rest))
            at_once = long_at_once


async def _page(
    session: Session, request: ua.HistoryReadRequest, names: Sequence[str], places: Sequence[int]
) -> tuple[Notification, list[tuple[int, bytes]]]:
    """Return the values, and where the rest of each signal begins that has more."""
    service_result, found = read_remembered(await session.send(request), len(places))
    ua.StatusCode(ua.UInt32(service_result)).check()
    answers = list(zip(places, found, strict=True))
    for place, each in answers:
        if quality.is_bad(each.status):
            message = f"{names[place]}: the server's history answers {quality.name_of(each.status)}"
            raise BadInput(message)
    parts = [decode_history(each.values, names, place) for place, each in answers if each.values]
    rest = [(place, each.continuation_point) for place, each in answers if each.continuation_point]
    return Notification.joined([Notification.of([], names), *parts]), rest
