"""Raw history of one signal, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator

from asyncua import ua

from plant import quality
from runtime.errors import BadInput
from runtime.opcua_link.filetime import FileTime
from runtime.opcua_link.records import decode_history
from runtime.opcua_link.responses import Remembered, read_remembered
from runtime.opcua_link.session import Session
from runtime.opcua_link.values import Notification


async def history(session: Session, name: str, start: int, end: int, *, bounds: bool) -> AsyncIterator[Notification]:
    """Yield what is from `start` to `end` (ticks), page by page; with `bounds`, the samples around it too."""
    request = ua.HistoryReadRequest()
    request.Parameters = ua.HistoryReadParameters(
        HistoryReadDetails=ua.ReadRawModifiedDetails(
            IsReadModified=False,
            StartTime=FileTime.of(start),
            EndTime=FileTime.of(end),
            NumValuesPerNode=ua.UInt32(0),
            ReturnBounds=bounds,
        ),
        TimestampsToReturn=ua.TimestampsToReturn.Both,
        ReleaseContinuationPoints=False,
        NodesToRead=[ua.HistoryReadValueId(NodeId=session.node_id(name))],
    )
    while True:
        page, values = await session.answer(_page(session, request, name))
        if quality.is_bad(page.status):
            message = f"{name}: the server's history answers {quality.name_of(page.status)}"
            raise BadInput(message)
        yield values.take(values.status != quality.BAD_BOUND_NOT_FOUND)
        if not page.continuation_point:
            return
        request.Parameters.NodesToRead[0].ContinuationPoint = page.continuation_point


async def _page(session: Session, request: ua.HistoryReadRequest, name: str) -> tuple[Remembered, Notification]:
    page = read_remembered(await session.send(request))
    ua.StatusCode(ua.UInt32(page.service_result)).check()
    return page, decode_history(page.values, name) if page.values else Notification.of([], [name])
