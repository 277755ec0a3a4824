"""MonitoredItems on event notifiers (OPC 10000-4 v1.05 §5.13, §7.22.3): the events are those that tell of writes."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua

from .conftest import Dial
from .services import (
    SERVER,
    SP,
    changes_of,
    deadband,
    event_filter,
    event_item,
    events,
    events_of,
    item,
    modify_items_request,
    monitor_all,
    monitoring_mode_request,
    of_type,
    publish,
    put,
    republish_request,
    selected,
    step,
    subscribe,
    transfer,
    triggering_request,
    values,
    write,
    write_value,
)
from .wire import Session, begin

IDS = ua.ObjectIds
WRITES = of_type(IDS.AuditUpdateEventType)
"""Of which the AuditWriteUpdateEventType is a subtype."""
OVERFLOW_TYPE = ua.NodeId(IDS.EventQueueOverflowEventType)
SAMPLING, REPORTING = ua.MonitoringMode.Sampling, ua.MonitoringMode.Reporting


def written(*names: str, **options: Any) -> Any:
    """Return an item that gets the events of writes, by default the new values."""
    return event_item(event_filter(*(names or ("NewValue",)), where=[WRITES]), **options)


async def listen(session: Session, request: Any, **terms: Any) -> tuple[int, ua.MonitoredItemCreateResult]:
    """Subscribe one item, which must be Good; return the subscription and the result."""
    subscription = (await subscribe(session, **terms)).SubscriptionId
    (result,) = await monitor_all(session, subscription, request)
    assert result.StatusCode.is_good(), result
    return subscription, result


async def refused(session: Session, request: Any) -> ua.MonitoredItemCreateResult:
    subscription = (await subscribe(session)).SubscriptionId
    (result,) = await monitor_all(session, subscription, request)
    assert not result.StatusCode.is_good()
    return result


async def news(session: Session) -> list[Any]:
    """Return the first field of each event since last asked."""
    return [fields[0] for _, fields in await events(session)]


async def test_an_event_brings_the_fields_that_were_selected_in_their_order(session: Session) -> None:
    await put(session, SP, 320.0)
    names = ("SourceName", "NewValue", "OldValue", "Status", "EventType", "SourceNode")
    await listen(session, written(*names, handle=7))
    await put(session, SP, 321.0)
    kind, source = ua.NodeId(IDS.AuditWriteUpdateEventType), ua.NodeId(SP, 2)
    assert await events(session) == [(7, ["Attribute/Write", 321.0, 320.0, True, kind, source])]


async def test_each_event_has_what_every_event_has(session: Session) -> None:
    names = ("EventId", "Time", "ReceiveTime", "Message", "Severity")
    await listen(session, written(*names))
    await put(session, SP, 322.0, 323.0)
    (_, first), (_, second) = await events(session)
    assert isinstance(first[0], bytes)
    assert first[0] != second[0]
    assert first[1] <= first[2] <= second[1]
    assert first[3].Text
    assert 1 <= first[4] <= 1000


async def test_nothing_comes_of_what_was_before(session: Session) -> None:
    await put(session, SP, 324.0)
    await listen(session, written())
    assert await news(session) == []


async def test_a_notifier_wants_an_event_filter(session: Session) -> None:
    assert (await refused(session, event_item(None))).StatusCode.name == "BadEventFilterInvalid"
    wrong = event_item(deadband(ua.DeadbandType.Absolute, 1.0))
    assert (await refused(session, wrong)).StatusCode.name == "BadFilterNotAllowed"


async def test_only_a_notifier_takes_event_items(session: Session) -> None:
    good = event_filter("Message")
    for name in (SP, "R101.Detector", ua.NodeId(IDS.ObjectsFolder)):
        result = await refused(session, event_item(good, node_id=name))
        assert result.StatusCode.name == "BadAttributeIdInvalid"
    unknown = await refused(session, event_item(good, node_id="nothing"))
    assert unknown.StatusCode.name == "BadNodeIdUnknown"


async def test_a_wrong_clause_is_told_and_its_field_is_null(session: Session) -> None:
    filter_ = event_filter("NewValue", "Nonsense", where=[WRITES])
    filter_.SelectClauses.append(selected("Message", kind=IDS.Server))
    filter_.SelectClauses.append(selected("Message", attribute=ua.AttributeIds.DisplayName))
    _, result = await listen(session, event_item(filter_))
    codes = [code.name for code in result.FilterResult.SelectClauseResults]
    assert codes == ["Good", "BadNodeIdUnknown", "BadTypeDefinitionInvalid", "BadAttributeIdInvalid"]
    await put(session, SP, 325.0)
    assert [fields for _, fields in await events(session)] == [[325.0, None, None, None]]


async def test_a_filter_without_a_good_clause_is_refused_clause_by_clause(session: Session) -> None:
    result = await refused(session, event_item(event_filter("Nonsense")))
    assert result.StatusCode.name == "BadEventFilterInvalid"
    assert [code.name for code in result.FilterResult.SelectClauseResults] == ["BadNodeIdUnknown"]


async def test_a_wrong_condition_is_refused_element_by_element(session: Session) -> None:
    wrong = ua.ContentFilterElement(ua.FilterOperator.InView, [ua.LiteralOperand(ua.Variant(1))])
    unknown: Any = 99
    other = ua.ContentFilterElement(unknown, [ua.LiteralOperand(ua.Variant(1))])
    result = await refused(session, event_item(event_filter("Message", where=[wrong, WRITES, other])))
    assert result.StatusCode.name == "BadEventFilterInvalid"
    elements = result.FilterResult.WhereClauseResult.ElementResults
    assert [each.StatusCode.name for each in elements] == [
        "BadFilterOperatorUnsupported",
        "Good",
        "BadFilterOperatorInvalid",
    ]


async def test_a_condition_without_end_is_refused(session: Session) -> None:
    circle = [ua.ContentFilterElement(ua.FilterOperator.Not, [ua.ElementOperand(0)])]
    result = await refused(session, event_item(event_filter("Message", where=circle)))
    assert result.StatusCode.name == "BadEventFilterInvalid"


async def test_only_what_meets_the_condition_is_reported(session: Session) -> None:
    above = ua.ContentFilterElement(
        ua.FilterOperator.GreaterThan, [selected("NewValue"), ua.LiteralOperand(ua.Variant(330, ua.VariantType.Int32))]
    )
    both = ua.ContentFilterElement(ua.FilterOperator.And, [ua.ElementOperand(1), ua.ElementOperand(2)])
    await listen(session, event_item(event_filter("NewValue", where=[both, WRITES, above])))
    await put(session, SP, 329.0, 331.0, 330.0, 332.0)
    assert await news(session) == [331.0, 332.0]


async def test_a_queue_of_events_has_a_size_of_its_own(session: Session) -> None:
    sizes = [
        (await listen(session, written(queue=size)))[1].RevisedQueueSize for size in (0, 1, 5, ua.UInt32(2**32 - 1))
    ]
    assert sizes[0] > 1
    assert sizes[1:3] == [1, 5]
    assert sizes[0] <= sizes[3] < 2**32 - 1


@pytest.mark.parametrize(
    ("oldest", "kept"), [(True, ["lost", 304.0, 305.0]), (False, [301.0, 305.0, "lost"])], ids=["oldest", "newest"]
)
async def test_events_that_were_lost_are_told(session: Session, oldest: bool, kept: list[Any]) -> None:
    await listen(session, written("NewValue", "EventType", queue=2, discard_oldest=oldest))
    await put(session, SP, 301.0, 302.0, 303.0, 304.0, 305.0)
    found = await events(session)
    assert ["lost" if kind == OVERFLOW_TYPE else value for _, (value, kind) in found] == kept
    await put(session, SP, 306.0)
    assert [value for _, (value, _) in await events(session)] == [306.0]


async def test_what_tells_of_lost_events_passes_every_condition(session: Session) -> None:
    await listen(session, written("SourceName", "SourceNode", queue=1))
    await put(session, SP, 307.0, 308.0)
    assert (await events(session))[0][1] == ["Internal/EventQueueOverflow", SERVER]


async def test_a_sampling_item_queues_events_until_it_is_reporting(session: Session) -> None:
    subscription, created = await listen(session, written(mode=SAMPLING))
    await put(session, SP, 309.0)
    assert await news(session) == []
    await session.call(monitoring_mode_request(subscription, REPORTING, created.MonitoredItemId))
    await put(session, SP, 310.0)
    assert await news(session) == [309.0, 310.0]


async def test_a_disabled_item_forgets_its_events(session: Session) -> None:
    subscription, created = await listen(session, written(mode=SAMPLING))
    await put(session, SP, 311.0)
    await session.call(monitoring_mode_request(subscription, ua.MonitoringMode.Disabled, created.MonitoredItemId))
    await put(session, SP, 312.0)
    await session.call(monitoring_mode_request(subscription, REPORTING, created.MonitoredItemId))
    await put(session, SP, 313.0)
    assert await news(session) == [313.0]


async def test_an_event_filter_can_be_modified(session: Session) -> None:
    subscription, created = await listen(session, written())
    wanted = ua.MonitoringParameters(9, 0.0, event_filter("OldValue", "Status", where=[WRITES]), 3, True)
    answer = await session.call(modify_items_request(subscription, (created.MonitoredItemId, wanted)))
    assert answer.Results[0].StatusCode.is_good()
    assert answer.Results[0].RevisedQueueSize == 3
    await put(session, SP, 314.0, 315.0)
    assert [(handle, fields[1]) for handle, fields in await events(session)] == [(9, True)] * 2
    wrong = ua.MonitoringParameters(9, 0.0, event_filter("Nonsense"), 3, True)
    answer = await session.call(modify_items_request(subscription, (created.MonitoredItemId, wanted), (1, wrong)))
    assert [result.StatusCode.name for result in answer.Results] == ["Good", "BadMonitoredItemIdInvalid"]
    answer = await session.call(modify_items_request(subscription, (created.MonitoredItemId, wrong)))
    assert answer.Results[0].StatusCode.name == "BadEventFilterInvalid"
    assert [code.name for code in answer.Results[0].FilterResult.SelectClauseResults] == ["BadNodeIdUnknown"]


async def test_an_event_triggers_what_is_linked_to_it(session: Session) -> None:
    subscription, trigger = await listen(session, written())
    (linked,) = await monitor_all(session, subscription, item("R101.T", 2, queue=100, mode=SAMPLING))
    await session.call(triggering_request(subscription, trigger.MonitoredItemId, add=[linked.MonitoredItemId]))
    await step(session)
    assert await values(session, 2) == []
    await put(session, SP, 316.0)
    assert await values(session, 2) != []
    await step(session)
    assert await values(session, 2) == []


async def test_a_message_holds_data_changes_and_events_no_more_than_were_asked_for(session: Session) -> None:
    await put(session, SP, 317.0)
    subscription, _ = await listen(session, written(handle=1), most=3)
    await monitor_all(session, subscription, item(SP, 2, queue=10))
    await values(session, 2)
    await put(session, SP, 318.0, 319.0, 320.0)
    first = await publish(session)
    message = first.NotificationMessage
    assert len(changes_of(message)) + len(events_of(message)) == 3
    assert changes_of(message)
    assert events_of(message)
    assert first.MoreNotifications
    second = (await publish(session)).NotificationMessage
    assert sorted(change.value for change in changes_of(message) + changes_of(second)) == [318.0, 319.0, 320.0]
    assert [fields for _, fields in events_of(message) + events_of(second)] == [[318.0], [319.0], [320.0]]


async def test_events_are_republished_as_they_were(session: Session) -> None:
    subscription, _ = await listen(session, written("EventId", "NewValue"))
    await publish(session)
    await put(session, SP, 321.0)
    message = (await publish(session)).NotificationMessage
    assert events_of(message)
    again = await session.call(republish_request(subscription, message.SequenceNumber))
    assert events_of(again.NotificationMessage) == events_of(message)


async def test_events_wait_for_a_transfer(session: Session, dial: Dial) -> None:
    lost = await begin(await dial())
    subscription, _ = await listen(lost, written())
    await lost.close(delete_subscriptions=False)
    await put(session, SP, 322.0)
    (result,) = await transfer(session, subscription)
    assert result.StatusCode.is_good()
    assert await news(session) == [322.0]


async def test_events_that_do_not_fit_a_response_come_with_the_next(dial: Dial) -> None:
    small = await Session.create(await dial(), most_bytes=700)
    assert await small.activate() == "Good"
    await listen(small, written("Message", "NewValue", "EventId", "SourceName", "ClientAuditEntryId"))
    await publish(small)
    await put(small, SP, *[float(300 + number) for number in range(10)])
    counts = []
    found: list[Any] = []
    while len(found) < 10:
        message = (await publish(small)).NotificationMessage
        counts.append(len(events_of(message)))
        found += [fields[1] for _, fields in events_of(message)]
    assert found == [float(300 + number) for number in range(10)]
    assert 1 < len(counts) <= 10


async def test_what_the_client_calls_a_request_is_told_with_it(session: Session) -> None:
    await listen(session, written("ClientAuditEntryId", "Status"))
    request = ua.WriteRequest(Parameters=ua.WriteParameters([write_value(SP, 323.0), write_value("R101.T", 1.0)]))
    request.RequestHeader.AuditEntryId = "shift 2, entry 17"
    await session.call(request)
    assert [fields for _, fields in await events(session)] == [
        ["shift 2, entry 17", True],
        ["shift 2, entry 17", False],
    ]
    assert await write(session, write_value(SP, 324.0)) == ["Good"]
    assert [fields[0] for _, fields in await events(session)] == [""]
