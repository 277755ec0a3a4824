"""HistoryRead of events over the wire: both ways, page by page, filtered as live events are, or refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asyncua import Client, ua

from opcua_server.historical_access import event_history
from plant.clock import TICKS_PER_SECOND, datetime_from_ticks
from runtime.opcua_link.filetime import ticks_of

from .conftest import Serving, step, value, write
from .event_history import (
    BASE,
    FIELDS,
    SERVER,
    TYPE,
    Fields,
    V,
    ask,
    code,
    element,
    event_filter,
    field,
    history,
    literal,
    of_type,
    pages,
    plain,
    plant,
    say,
    select,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

S = TICKS_PER_SECOND
R101, R102, AREA = plant("R101"), plant("R102"), plant("Plant.Area1")
LATE = 2**61
Operator = ua.FilterOperator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(serving: Serving) -> AsyncIterator[Client]:
    async with serving({"plant.reactors": 2}) as endpoint, Client(endpoint) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def first(client: Client) -> int:
    """When the first of twelve events was: one a second, R101's and R102's in turn, three causes."""
    await step(client, 1.0)
    first = ticks_of(await value(client, "Plant.Simulation.Time"))
    for number in range(12):
        reactor, cause = ("R101", "R102")[number % 2], ("T high", "T low", "Ca high")[number // 4]
        is_anomaly = number % 4 < 2
        await say(client, reactor, anomaly=is_anomaly, cause=cause if is_anomaly else "", score=1.0 + number)
        await step(client, 1.0)
    return first


def numbers(events: list[Fields], first: int) -> list[int]:
    """Return which events these are."""
    return [(field(each, "Time") - first) // S for each in events]


async def test_each_notifier_has_the_events_below_it(client: Client, first: int) -> None:
    assert numbers(await history(client, SERVER, first), first) == list(range(12))
    assert numbers(await history(client, AREA, first), first) == list(range(12))
    assert numbers(await history(client, R101, first), first) == list(range(0, 12, 2))
    assert numbers(await history(client, R102, first), first) == list(range(1, 12, 2))


@pytest.mark.parametrize(
    ("start", "end", "limit", "expected"),
    [
        (2, 5, 0, [2, 3, 4]),
        (5, 2, 0, [5, 4, 3]),
        (3, 3, 0, [3]),
        (2, 9, 3, [2, 3, 4]),
        (9, 2, 3, [9, 8, 7]),
        (7, None, 3, [7, 8, 9]),
        (None, 7, 3, [7, 6, 5]),
        (10, None, 9, [10, 11]),
        (None, 1, 9, [1, 0]),
        (20, 30, 0, []),
        (30, 20, 0, []),
    ],
)
async def test_a_span_is_read_either_way_and_one_end_may_be_open(
    client: Client, first: int, start: int | None, end: int | None, limit: int, expected: list[int]
) -> None:
    times = [first + each * S if each is not None else 0 for each in (start, end)]
    result = await ask(client, AREA, *times, limit)
    assert result.StatusCode.name == ("Good" if expected else "GoodNoData")
    assert numbers([plain(each.EventFields) for each in result.HistoryData.Events], first) == expected


@pytest.mark.parametrize("limit", [1, 4, 5, 12])
async def test_pages_go_on_where_they_ended(client: Client, first: int, limit: int) -> None:
    for span, expected in (((first, LATE), list(range(12))), ((LATE, first - 1), list(range(12))[::-1])):
        found = await pages(client, AREA, *span, limit)
        assert all(len(page) == limit for page in found[:-1])
        assert numbers([each for page in found for each in page], first) == expected


async def test_a_point_of_a_filtered_page_goes_on_behind_what_passed(client: Client, first: int) -> None:
    wanted = event_filter(FIELDS, element(Operator.Equals, select("Reactor"), literal("R102", V.String)))
    found = await pages(client, AREA, first, LATE, 2, wanted=wanted)
    assert [numbers(page, first) for page in found] == [[1, 3], [5, 7], [9, 11]]


async def test_a_filter_that_passes_few_is_answered_in_parts(
    client: Client, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_history, "MOST_LOOKS", 5)
    wanted = event_filter(FIELDS, element(Operator.Equals, select("Score"), literal(12.0, V.Double)))
    found = await pages(client, AREA, first, LATE, wanted=wanted)
    assert [numbers(page, first) for page in found] == [[], [], [11]]


async def test_a_page_is_no_larger_than_a_response_may_be(
    client: Client, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_history, "MOST_OCTETS", 1)
    assert [numbers(page, first) for page in await pages(client, R101, first)] == [[each] for each in range(0, 12, 2)]


async def test_more_events_than_one_answer_holds_come_in_pages(client: Client, first: int) -> None:
    await step(client, 10.0)
    begin = ticks_of(await value(client, "Plant.Simulation.Time"))
    for number in range(600):
        verdict = [(f"{name}.Detector.Anomaly", number % 2 == 0, V.Boolean) for name in ("R101", "R102")]
        assert set(await write(client, *verdict)) == {"Good"}
    found = await pages(client, SERVER, begin)
    assert [len(page) for page in found] == [
        event_history.MAX_EVENTS_PER_READ,
        1200 - event_history.MAX_EVENTS_PER_READ,
    ]
    ids = [field(each, "EventId") for page in found for each in page]
    assert len(set(ids)) == 1200
    backward = await pages(client, SERVER, LATE, begin - 1)
    assert [field(each, "EventId") for page in backward for each in page] == ids[::-1]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ([of_type()], list(range(12))),
        ([of_type(ua.NodeId(ua.ObjectIds.SystemEventType))], list(range(12))),
        ([of_type(ua.NodeId(ua.ObjectIds.AuditEventType))], []),
        ([element(Operator.GreaterThanOrEqual, select("Severity"), literal(800, V.UInt16))], [0, 1, 4, 5, 8, 9]),
        ([element(Operator.Like, select("Message"), literal("%Ca high%", V.String))], [8, 9, 10, 11]),
        ([element(Operator.IsNull, select("EndTime"))], [0, 1, 4, 5, 8, 9]),
        (
            [
                element(Operator.And, ua.ElementOperand(1), ua.ElementOperand(2)),
                element(Operator.Equals, select("SourceNode"), literal(R101, V.NodeId)),
                element(Operator.Equals, select("Active"), literal(False, V.Boolean)),
            ],
            [2, 6, 10],
        ),
    ],
)
async def test_a_condition_is_that_of_live_events(
    client: Client, first: int, where: list[ua.ContentFilterElement], expected: list[int]
) -> None:
    found = await history(client, AREA, first, first + 12 * S, wanted=event_filter(FIELDS, *where))
    assert numbers(found, first) == expected


async def test_fields_come_as_selected_and_what_there_is_not_is_null(client: Client, first: int) -> None:
    wanted = ua.EventFilter(
        [
            select("Cause", BASE),
            select("Colour"),
            select("Message", ua.NodeId(ua.ObjectIds.AuditEventType)),
            select("Reactor"),
            ua.SimpleAttributeOperand(TYPE, [ua.QualifiedName("Severity", 0)], ua.AttributeIds.Value),
        ]
    )
    result = await ask(client, R101, first, first, wanted=wanted)
    assert result.StatusCode.name == "Good"
    (event,) = result.HistoryData.Events
    assert [each.Value for each in event.EventFields] == ["T high", None, None, "R101", 800]


async def test_the_clients_own_method_reads_them(client: Client, first: int) -> None:
    start, end = datetime_from_ticks(first), datetime_from_ticks(first + 3 * S)
    events = await client.get_node(R101).read_event_history(start, end, evtypes=client.get_node(TYPE))
    assert [(each.Reactor, each.Cause, each.Active) for each in events] == [
        ("R101", "T high", True),
        ("R101", "T high", False),
    ]


async def test_a_point_is_of_the_session_that_it_was_given_to(client: Client, first: int) -> None:
    point = (await ask(client, AREA, first, LATE, 4)).ContinuationPoint
    async with Client(client.server_url.geturl()) as other:
        for release in (False, True):
            found = await code(other, AREA, first, LATE, 4, point=point, release=release)
            assert found == "BadContinuationPointInvalid"
    assert await code(client, AREA, first, LATE, 4, point=point) == "Good"


async def test_what_cannot_be_answered_says_why(client: Client, first: int) -> None:
    assert await code(client, plant("R101.T")) == "BadHistoryOperationUnsupported"
    assert await code(client, plant("R101.Detector")) == "BadHistoryOperationUnsupported"
    assert await code(client, ua.NodeId(ua.ObjectIds.ObjectsFolder)) == "BadHistoryOperationUnsupported"
    assert await code(client, plant("R999")) == "BadNodeIdUnknown"
    assert await code(client, R101, 0, 0, 5) == "BadHistoryOperationInvalid"
    assert await code(client, R101, first, 0) == "BadHistoryOperationInvalid"
    assert await code(client, R101, 0, first) == "BadHistoryOperationInvalid"
    assert await code(client, R101, point=b"none of ours") == "BadContinuationPointInvalid"
    assert await code(client, R101, index_range="0") == "BadIndexRangeNoData"
    assert await code(client, R101, index_range="2:1") == "BadIndexRangeInvalid"
    assert await code(client, R101, point=b"none of ours", release=True) == "BadContinuationPointInvalid"
    assert await code(client, R101, point=b"", release=True) == "Good"


@pytest.mark.parametrize(
    "wanted",
    [
        ua.EventFilter(),
        event_filter(("Colour",)),
        event_filter(FIELDS, element(Operator.Equals, select("Colour"), literal(1, V.Int32))),
        event_filter(FIELDS, element(Operator.Not, ua.ElementOperand(0))),
        event_filter(FIELDS, element(Operator.InView, literal(SERVER, V.NodeId))),
    ],
)
async def test_a_filter_that_cannot_be_is_refused(client: Client, wanted: ua.EventFilter) -> None:
    assert await code(client, R101, wanted=wanted) == "BadEventFilterInvalid"


async def test_other_kinds_of_details_are_not_for_notifiers(client: Client, first: int) -> None:
    raw = ua.ReadRawModifiedDetails(False, datetime_from_ticks(first), datetime_from_ticks(first + S), 0, False)
    assert await code(client, R101, details=raw) == "BadHistoryOperationUnsupported"

    def second(**more: Any) -> ua.ReadEventDetails2:
        times = datetime_from_ticks(first), datetime_from_ticks(first + 3 * S)
        return ua.ReadEventDetails2(0, *times, event_filter(), **more)

    assert await code(client, R101, details=second(ReadModified=True)) == "BadHistoryOperationUnsupported"
    result = await ask(client, R101, details=second(ReadModified=False))
    assert numbers([plain(each.EventFields) for each in result.HistoryData.Events], first) == [0, 2]


async def test_events_are_not_changed(client: Client) -> None:
    details = ua.DeleteEventDetails(NodeId=R101, EventIds=[b"x"])
    (result,) = await client.uaclient.history_update(ua.HistoryUpdateParameters([details]))
    assert result.StatusCode.name == "BadHistoryOperationUnsupported"


async def test_the_capabilities_are_told(client: Client) -> None:
    async def told(name: str) -> Any:
        node = ua.NodeId(getattr(ua.ObjectIds, f"HistoryServerCapabilities_{name}"))
        return await client.get_node(node).read_value()

    assert await told("AccessHistoryEventsCapability") is True
    assert await told("MaxReturnEventValues") == event_history.MAX_EVENTS_PER_READ
    for change in ("Insert", "Replace", "Update", "Delete"):
        assert await told(f"{change}EventCapability") is False
