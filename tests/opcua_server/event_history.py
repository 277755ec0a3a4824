"""What tests of anomalies' events share: a detector's writes, who listens, and what history has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from asyncua import Client, ua

from runtime.opcua_link.filetime import FileTime

from .conftest import write

V = ua.VariantType
SERVER, TYPE, BASE = ua.NodeId(ua.ObjectIds.Server), ua.NodeId("AnomalyEventType", 2), ua.NodeId(2041)
BASE_FIELDS = ("EventId", "EventType", "SourceNode", "SourceName", "Time", "ReceiveTime", "Message", "Severity")
OWN_FIELDS = ("Reactor", "Active", "Cause", "Score", "StartTime", "EndTime", "Epoch")
FIELDS = (*BASE_FIELDS, *OWN_FIELDS)
Fields = tuple[Any, ...]


def plant(name: str) -> ua.NodeId:
    return ua.NodeId(name, 2)


def select(name: str, event_type: ua.NodeId | None = None) -> ua.SimpleAttributeOperand:
    is_own = name in OWN_FIELDS
    wanted = event_type or (TYPE if is_own else BASE)
    return ua.SimpleAttributeOperand(wanted, [ua.QualifiedName(name, 2 if is_own else 0)], ua.AttributeIds.Value)


def element(operator: ua.FilterOperator, *operands: Any) -> ua.ContentFilterElement:
    return ua.ContentFilterElement(operator, list(operands))


def literal(value: Any, kind: ua.VariantType) -> ua.LiteralOperand:
    return ua.LiteralOperand(ua.Variant(value, kind))


def of_type(event_type: ua.NodeId = TYPE) -> ua.ContentFilterElement:
    return element(ua.FilterOperator.OfType, literal(event_type, V.NodeId))


def event_filter(names: Sequence[str] = FIELDS, *where: ua.ContentFilterElement) -> ua.EventFilter:
    return ua.EventFilter([select(name) for name in names], ua.ContentFilter(list(where)))


def plain(variants: Sequence[ua.Variant]) -> Fields:
    """Return the fields of an event, times as ticks."""
    return tuple(each.Value.ticks if isinstance(each.Value, FileTime) else each.Value for each in variants)


def field(fields: Fields, name: str) -> Any:
    return fields[FIELDS.index(name)]


async def say(
    client: Client, reactor: str, *, anomaly: bool, cause: str = "", score: float = 0.5, since: int = 0
) -> None:
    """Write a verdict as the detector does, in one call."""
    prefix = f"{reactor}.Detector"
    codes = await write(
        client,
        (f"{prefix}.Anomaly", anomaly, V.Boolean),
        (f"{prefix}.Score", score, V.Double),
        (f"{prefix}.Cause", cause, V.String),
        *([(f"{prefix}.Since", FileTime.of(since), V.DateTime)] if since else []),
    )
    assert set(codes) == {"Good"}


class Listener:
    """Takes events of notifiers, with all fields."""

    def __init__(self) -> None:
        self.heard: dict[str, list[Fields]] = {}
        self.names: dict[int, str] = {}
        self._news = asyncio.Event()

    async def until(self, name: str, count: int) -> list[Fields]:
        """Return what was heard at a notifier, once it is so much."""
        async with asyncio.timeout(20):
            while len(self.heard.get(name, ())) < count:
                self._news.clear()
                await self._news.wait()
        return self.heard[name]

    def take(self, result: ua.PublishResult) -> None:
        for each in result.NotificationMessage.NotificationData or ():
            if isinstance(each, ua.EventNotificationList):
                for event in each.Events:
                    self.heard.setdefault(self.names[event.ClientHandle], []).append(plain(event.EventFields))
        self._news.set()


@asynccontextmanager
async def listening(client: Client, *, is_left: bool = False, **notifiers: ua.NodeId) -> AsyncIterator[Listener]:
    """Subscribe to anomalies at some notifiers; one that `is_left` is not ended."""
    listener = Listener()
    listener.names = dict(enumerate(notifiers, start=1))

    async def take(result: ua.PublishResult) -> None:
        listener.take(result)

    params = ua.CreateSubscriptionParameters(50.0, 3000, 10_000, 0, True, 0)
    made = await client.uaclient.create_subscription(params, take)
    items = [
        ua.MonitoredItemCreateRequest(
            ua.ReadValueId(node, ua.AttributeIds.EventNotifier),
            ua.MonitoringMode.Reporting,
            ua.MonitoringParameters(handle, 0.0, event_filter(FIELDS, of_type()), 0, True),
        )
        for handle, node in enumerate(notifiers.values(), start=1)
    ]
    wanted = ua.CreateMonitoredItemsParameters(made.SubscriptionId, ua.TimestampsToReturn.Both, items)
    results = await client.uaclient.create_monitored_items(wanted)
    assert {each.StatusCode.name for each in results} == {"Good"}
    yield listener
    if not is_left:
        await client.uaclient.delete_subscriptions([made.SubscriptionId])


async def ask(
    client: Client,
    node: ua.NodeId,
    start: int = 10**9,
    end: int = 2**61,
    limit: int = 0,
    *,
    wanted: ua.EventFilter | None = None,
    point: bytes | None = None,
    release: bool = False,
    details: Any = None,
    index_range: str | None = None,
) -> ua.HistoryReadResult:
    """Return the answer to one HistoryRead of events."""
    details = details or ua.ReadEventDetails(limit, _time(start), _time(end), wanted or event_filter())
    params = ua.HistoryReadParameters(
        HistoryReadDetails=details,
        TimestampsToReturn=ua.TimestampsToReturn.Both,
        ReleaseContinuationPoints=release,
        NodesToRead=[ua.HistoryReadValueId(NodeId=node, IndexRange=index_range, ContinuationPoint=point)],
    )
    (result,) = await client.uaclient.history_read(params)
    return result  # type: ignore[no-any-return]


async def pages(
    client: Client, node: ua.NodeId, start: int = 10**9, end: int = 2**61, limit: int = 0, **options: Any
) -> list[list[Fields]]:
    """Return all pages of a history."""
    found: list[list[Fields]] = []
    point: bytes | None = None
    while not found or point:
        result = await ask(client, node, start, end, limit, point=point, **options)
        result.StatusCode.check()
        found.append([plain(each.EventFields) for each in result.HistoryData.Events])
        point = result.ContinuationPoint
    return found


async def history(
    client: Client, node: ua.NodeId, start: int = 10**9, end: int = 2**61, **options: Any
) -> list[Fields]:
    """Return a history, whole."""
    return [each for page in await pages(client, node, start, end, **options) for each in page]


async def code(client: Client, node: ua.NodeId, *span: int, **options: Any) -> str:
    """Return the StatusCode of an answer."""
    return (await ask(client, node, *span, **options)).StatusCode.name


def _time(ticks: int) -> FileTime:
    return FileTime.of(ticks)
