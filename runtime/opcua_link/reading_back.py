"""Raw history of one signal, all pages."""

from __future__ import annotations

from typing import Any

from asyncua import ua

from plant import quality
from runtime.errors import BadInput
from runtime.opcua_link.datavalues import reading, status_of
from runtime.opcua_link.filetime import FileTime
from runtime.opcua_link.session import Session
from runtime.opcua_link.values import Notification


async def history(session: Session, name: str, start: int, end: int, *, bounds: bool) -> Notification:
    """Read from `start` to `end` (ticks); with `bounds`, the samples around it too."""
    details = ua.ReadRawModifiedDetails(
        IsReadModified=False,
        StartTime=FileTime.of(start),
        EndTime=FileTime.of(end),
        NumValuesPerNode=ua.UInt32(0),
        ReturnBounds=bounds,
    )
    rows: list[ua.DataValue] = []
    point: Any = None
    while True:
        node = ua.HistoryReadValueId(NodeId=session.node_id(name), ContinuationPoint=point)
        params = ua.HistoryReadParameters(
            HistoryReadDetails=details,
            TimestampsToReturn=ua.TimestampsToReturn.Both,
            ReleaseContinuationPoints=False,
            NodesToRead=[node],
        )
        (result,) = await session.answer(session.services.history_read(params))
        status = int(result.StatusCode.value)
        if quality.is_bad(status):
            message = f"{name}: the server's history answers {quality.name_of(status)}"
            raise BadInput(message)
        data: Any = result.HistoryData
        values = getattr(data, "DataValues", None) or []
        rows += [value for value in values if status_of(value) != quality.BAD_BOUND_NOT_FOUND]
        point = result.ContinuationPoint
        if not point:
            return Notification.of([reading(name, value) for value in rows], [name])
