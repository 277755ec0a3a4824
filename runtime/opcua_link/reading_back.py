"""Raw history of signals, page by page."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

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

WRONG = frozenset(
    map(
        int,
        (
            ua.StatusCodes.BadServiceUnsupported,
            ua.StatusCodes.BadUserAccessDenied,
            ua.StatusCodes.BadTooManyOperations,
            ua.StatusCodes.BadTimestampsToReturnInvalid,
            ua.StatusCodes.BadHistoryOperationInvalid,
            ua.StatusCodes.BadHistoryOperationUnsupported,
        ),
    )
)
"""Results of a whole call that are about the question (OPC 10000-4 v1.05 §5.11.3.3, §7.38.2)."""
LOSSES = frozenset(
    map(
        int,
        (
            ua.StatusCodes.BadSessionIdInvalid,
            ua.StatusCodes.BadSessionClosed,
            ua.StatusCodes.BadSessionNotActivated,
            ua.StatusCodes.BadSecureChannelIdInvalid,
            ua.StatusCodes.BadSecureChannelClosed,
            ua.StatusCodes.BadConnectionClosed,
            ua.StatusCodes.BadCommunicationError,
            ua.StatusCodes.BadServerHalted,
            ua.StatusCodes.BadShutdown,
        ),
    )
)
"""Those that are about the session; the others are about what the server can, now or ever."""

OnRefusal = Callable[[str, int], None]
"""Told which signal's history is answered with which Bad StatusCode."""


def refuse(name: str, status: int) -> None:
    """Take a Bad answer for a wrong question.

    Raises:
        BadInput: naming signal and StatusCode.
    """
    message = f"{name}: the server's history answers {quality.name_of(status)}"
    raise BadInput(message)


async def history(
    session: Session, names: Sequence[str], start: int, end: int, *, bounds: bool, on_refusal: OnRefusal = refuse
) -> AsyncIterator[Notification]:
    """Yield what is from `start` to `end` (ticks), page by page; with `bounds`, the samples around it too.

    Of each signal it is in order. Other servers are asked about one at a time, as they may keep no more places.
    A signal with a Bad answer is told, and not asked for any more; the others are.
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
    at_once = min(at_once, session.limits.history_read)
    waiting = deque[tuple[int, bytes | None]]((place, None) for place in range(len(names)))
    while waiting:
        asked = [waiting.popleft() for _ in range(min(at_once, len(waiting)))]
        parameters.NodesToRead = [
            ua.HistoryReadValueId(NodeId=session.node_id(names[place]), ContinuationPoint=point)
            for place, point in asked
        ]
        places = [place for place, _ in asked]
        request = ua.HistoryReadRequest(Parameters=parameters)
        page, rest = await session.answer(_page(session, request, names, places, on_refusal))
        yield page.take(page.status != quality.BAD_BOUND_NOT_FOUND)
        if rest:
            waiting.extendleft(reversed(rest))
            at_once = min(long_at_once, session.limits.history_read)


async def _page(
    session: Session,
    request: ua.HistoryReadRequest,
    names: Sequence[str],
    places: Sequence[int],
    on_refusal: OnRefusal,
) -> tuple[Notification, list[tuple[int, bytes]]]:
    """Return the values, and where the rest of each signal begins that has more.

    What takes too long is refused, too: whether the server is there at all is asked beside it.
    """
    session.is_reading_back = True
    try:
        service_result, found = read_remembered(await session.send(request), len(places))
        ua.StatusCode(ua.UInt32(service_result)).check()
    except (ua.UaStatusCodeError, TimeoutError) as error:
        code = error.code if isinstance(error, ua.UaStatusCodeError) else int(ua.StatusCodes.BadTimeout)
        if code in LOSSES or (on_refusal is refuse and code not in WRONG):
            raise
        for place in places:
            on_refusal(names[place], code)
        return Notification.of([], names), []
    finally:
        session.is_reading_back = False
    answers = list(zip(places, found, strict=True))
    for place, each in answers:
        if _is_refusal(each.status):
            on_refusal(names[place], each.status)
    answers = [(place, each) for place, each in answers if not _is_refusal(each.status)]
    parts = [decode_history(each.values, names, place) for place, each in answers if each.values]
    rest = [(place, each.continuation_point) for place, each in answers if each.continuation_point]
    return Notification.joined([Notification.of([], names), *parts]), rest


def _is_refusal(status: int) -> bool:
    """Tell whether an answer is none; of a time of which nothing is recorded some say BadNoData (OPC 10000-11)."""
    return quality.is_bad(status) and status != quality.BAD_NO_DATA
