"""MonitoredItem service set: what is sampled, filtered, queued and reported (OPC 10000-4 v1.05 §5.13, §7.21, §7.22)."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua

from .services import (
    ABSOLUTE,
    CAUSE,
    DOUBLE,
    KC,
    NAMESPACES,
    OVERFLOW,
    PERCENT,
    SP,
    STRING,
    TC,
    T,
    changes,
    deadband,
    delete_items_request,
    item,
    modify_items_request,
    monitor,
    monitor_all,
    monitor_request,
    monitoring_mode_request,
    monitoring_refusal,
    names,
    node,
    on,
    put,
    read,
    rvid,
    step,
    subscribe,
    triggering_request,
    values,
)
from .wire import Session

Trigger = ua.DataChangeTrigger
Mode = ua.MonitoringMode
WAITING = ua.StatusCodes.BadWaitingForInitialData
UNKNOWN = 4_000_000_000
"""Of an item or a subscription that nobody has created."""


# ---------------------------------------------------------------- deadband


async def test_absolute_deadband_is_measured_from_the_last_reported_value(session: Session) -> None:
    await put(session, SP, 320.0)
    await monitor(session, (await subscribe(session)).SubscriptionId, SP, filter=deadband(ABSOLUTE, 1.0))
    assert await values(session) == [320.0]
    await put(session, SP, 320.5, 321.0, 321.5, 322.0, 322.5, 323.0)
    assert await values(session) == [321.5, 323.0]


async def test_percent_deadband_is_of_the_eu_range(session: Session) -> None:
    """2 % of 250..350 K is 2 K."""
    await put(session, TC, 300.0)
    await monitor(session, (await subscribe(session)).SubscriptionId, TC, filter=deadband(PERCENT, 2.0))
    assert await values(session) == [300.0]
    await put(session, TC, 301.0, 302.0, 302.5, 301.0, 300.0)
    assert await values(session) == [302.5, 300.0]


async def test_percent_deadband_without_eu_range_is_refused(session: Session) -> None:
    refused = await monitoring_refusal(session, SP, filter=deadband(PERCENT, 1.0))
    assert refused in ("BadMonitoredItemFilterUnsupported", "BadDeadbandFilterInvalid", "BadFilterNotAllowed")


@pytest.mark.parametrize(("kind", "value"), [(PERCENT, 100.5), (PERCENT, -1.0), (ABSOLUTE, -0.5), (ABSOLUTE, math.nan)])
async def test_an_impossible_deadband_is_refused(session: Session, kind: ua.DeadbandType, value: float) -> None:
    assert await monitoring_refusal(session, TC, filter=deadband(kind, value)) == "BadDeadbandFilterInvalid"


@pytest.mark.parametrize("name", [CAUSE, "R101.Detector.Anomaly", "R101.Detector.Since"])
async def test_a_deadband_is_for_numbers_only(session: Session, name: str) -> None:
    assert await monitoring_refusal(session, name, filter=deadband(ABSOLUTE, 1.0)) == "BadFilterNotAllowed"


async def test_a_filter_is_for_the_value_attribute_only(session: Session) -> None:
    options = {"attribute": ua.AttributeIds.DisplayName, "filter": on(Trigger.StatusValue)}
    assert await monitoring_refusal(session, SP, **options) == "BadFilterNotAllowed"


async def test_an_event_filter_is_not_for_a_variable(session: Session) -> None:
    assert await monitoring_refusal(session, SP, filter=ua.EventFilter()) == "BadFilterNotAllowed"


async def test_a_change_of_status_passes_every_deadband(session: Session) -> None:
    score = "R101.Detector.Score"  # written by this test only
    await monitor(session, (await subscribe(session)).SubscriptionId, score, filter=deadband(ABSOLUTE, 1000.0))
    assert [change[1:3] for change in await changes(session)] == [(None, WAITING)]
    await put(session, score, 0.5, 0.75)
    assert [change[1:3] for change in await changes(session)] == [(0.5, 0)]


async def test_deadband_with_the_timestamp_trigger_is_deadband_with_the_value_trigger(session: Session) -> None:
    await put(session, SP, 320.0)
    narrow = deadband(ABSOLUTE, 1.0, Trigger.StatusValueTimestamp)
    await monitor(session, (await subscribe(session)).SubscriptionId, SP, filter=narrow)
    await put(session, SP, 320.5, 321.0, 321.5)
    assert await values(session) == [320.0, 321.5]


# ---------------------------------------------------------------- triggers


async def test_the_status_trigger_reports_no_change_of_value(session: Session) -> None:
    score = "R102.Detector.Score"  # written by this test only
    await monitor(session, (await subscribe(session)).SubscriptionId, score, filter=on(Trigger.Status))
    assert [change.status for change in await changes(session)] == [WAITING]
    await put(session, score, 0.5, 0.75, 1.0)
    assert [change[1:3] for change in await changes(session)] == [(0.5, 0)]


@pytest.mark.parametrize("filter_", [None, on(Trigger.StatusValue)])
async def test_an_equal_value_is_no_change(session: Session, filter_: ua.DataChangeFilter | None) -> None:
    await put(session, SP, 320.0)
    await monitor(session, (await subscribe(session)).SubscriptionId, SP, filter=filter_)
    await put(session, SP, 321.0, 321.0, 321.0, 322.0)
    assert await values(session) == [320.0, 321.0, 322.0]


async def test_the_timestamp_trigger_reports_each_change_of_value_or_source_timestamp(session: Session) -> None:
    await put(session, SP, 320.0)
    await monitor(session, (await subscribe(session)).SubscriptionId, SP, filter=on(Trigger.StatusValueTimestamp))

    async def shown() -> tuple[float, datetime]:
        (data,) = await read(session, SP)
        return data.Value.Value, data.SourceTimestamp

    seen = [await shown()]
    for value in (321.0, 321.0, 322.0, 322.0):
        await put(session, SP, value)
        now = await shown()
        seen += [now] if now != seen[-1] else []
    assert [(change.value, change.source) for change in await changes(session)] == seen


# ---------------------------------------------------------------- queue


async def test_discarding_the_oldest_keeps_the_newest_and_marks_the_first_of_them(session: Session) -> None:
    await put(session, SP, 320.0)
    created = await monitor(session, (await subscribe(session)).SubscriptionId, SP, queue=3)
    assert created.RevisedQueueSize == 3
    await values(session)
    await put(session, SP, 321.0, 322.0, 323.0, 324.0, 325.0)
    found = await changes(session)
    assert [change.value for change in found] == [323.0, 324.0, 325.0]
    assert [change.status for change in found] == [OVERFLOW, 0, 0]


async def test_discarding_the_newest_keeps_the_oldest_and_marks_the_one_replaced(session: Session) -> None:
    await put(session, SP, 320.0)
    await monitor(session, (await subscribe(session)).SubscriptionId, SP, queue=3, discard_oldest=False)
    await values(session)
    await put(session, SP, 321.0, 322.0, 323.0, 324.0, 325.0)
    found = await changes(session)
    assert [change.value for change in found] == [321.0, 322.0, 325.0]
    assert [change.status for change in found] == [0, 0, OVERFLOW]


async def test_a_full_queue_has_not_overflowed(session: Session) -> None:
    await put(session, SP, 320.0)
    await monitor(session, (await subscribe(session)).SubscriptionId, SP, queue=3)
    await values(session)
    await put(session, SP, 321.0, 322.0, 323.0)
    assert [change.status for change in await changes(session)] == [0, 0, 0]


async def test_the_mark_is_gone_with_the_values_that_were_read(session: Session) -> None:
    await put(session, SP, 320.0)
    await monitor(session, (await subscribe(session)).SubscriptionId, SP, queue=2)
    await put(session, SP, 321.0, 322.0, 323.0)
    assert OVERFLOW in [change.status for change in await changes(session)]
    await put(session, SP, 324.0)
    assert [change[1:3] for change in await changes(session)] == [(324.0, 0)]


@pytest.mark.parametrize("discard_oldest", [True, False])
async def test_a_queue_of_one_is_the_newest_value_without_a_mark(session: Session, discard_oldest: bool) -> None:
    await put(session, SP, 320.0)
    options = {"queue": 1, "discard_oldest": discard_oldest}
    created = await monitor(session, (await subscribe(session)).SubscriptionId, SP, **options)
    assert created.RevisedQueueSize == 1
    await put(session, SP, 321.0, 322.0, 323.0)
    assert [change[1:3] for change in await changes(session)] == [(323.0, 0)]


async def test_a_queue_of_none_is_one_and_of_any_size_is_bounded(session: Session) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    assert (await monitor(session, subscription, SP, queue=0)).RevisedQueueSize == 1
    assert 1 <= (await monitor(session, subscription, SP, queue=2**32 - 1)).RevisedQueueSize < 2**32 - 1


# ---------------------------------------------------------------- monitoring mode


async def test_sampling_queues_and_does_not_report_until_it_is_reporting(session: Session) -> None:
    await put(session, SP, 320.0)
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, SP, mode=Mode.Sampling)
    await put(session, SP, 321.0, 322.0)
    assert await values(session) == []
    answer = await session.call(monitoring_mode_request(subscription, Mode.Reporting, created.MonitoredItemId))
    assert names(answer.Parameters.Results) == ["Good"]
    assert await values(session) == [320.0, 321.0, 322.0]


async def test_a_disabled_item_starts_with_the_present_value_when_it_is_enabled(session: Session) -> None:
    await put(session, SP, 320.0)
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, SP, mode=Mode.Disabled)
    await put(session, SP, 321.0, 322.0)
    assert await values(session) == []
    await session.call(monitoring_mode_request(subscription, Mode.Reporting, created.MonitoredItemId))
    assert await values(session) == [322.0]
    await session.call(monitoring_mode_request(subscription, Mode.Disabled, created.MonitoredItemId))
    await put(session, SP, 323.0)
    assert await values(session) == []


async def test_disabling_deletes_what_is_queued(session: Session) -> None:
    await put(session, SP, 320.0)
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, SP)
    await values(session)
    await put(session, SP, 321.0, 322.0, 323.0)
    await session.call(monitoring_mode_request(subscription, Mode.Disabled, created.MonitoredItemId))
    assert await values(session) == []
    await session.call(monitoring_mode_request(subscription, Mode.Reporting, created.MonitoredItemId))
    assert await values(session) == [323.0]


async def test_one_unknown_item_does_not_keep_the_others_from_their_mode(session: Session) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, SP)
    await values(session)
    request = monitoring_mode_request(subscription, Mode.Disabled, UNKNOWN, created.MonitoredItemId)
    assert names((await session.call(request)).Parameters.Results) == ["BadMonitoredItemIdInvalid", "Good"]
    await put(session, SP, 326.0, 327.0)
    assert await values(session) == []


# ---------------------------------------------------------------- sampling interval


async def test_a_sampling_interval_is_never_shorter_than_the_variables_own(session: Session) -> None:
    (least,) = await read(session, rvid(T, ua.AttributeIds.MinimumSamplingInterval))
    created = await monitor(session, (await subscribe(session)).SubscriptionId, T, sampling_ms=10.0)
    assert created.RevisedSamplingInterval >= least.Value.Value == 100.0


@pytest.mark.parametrize("asked_ms", [730.0, 5000.0])
async def test_a_sampling_interval_is_not_revised_downwards(session: Session, asked_ms: float) -> None:
    created = await monitor(session, (await subscribe(session)).SubscriptionId, T, sampling_ms=asked_ms)
    assert asked_ms <= created.RevisedSamplingInterval <= 2 * asked_ms


@pytest.mark.parametrize("asked_ms", [-1.0, -250.0])
async def test_a_negative_sampling_interval_is_the_publishing_interval(session: Session, asked_ms: float) -> None:
    subscription = await subscribe(session, 500.0)
    created = await monitor(session, subscription.SubscriptionId, T, sampling_ms=asked_ms)
    scan_ms = 100.0
    least_ms = subscription.RevisedPublishingInterval
    assert least_ms <= created.RevisedSamplingInterval <= least_ms + scan_ms


async def test_a_sampling_interval_of_zero_is_the_fastest_there_is(session: Session) -> None:
    created = await monitor(session, (await subscribe(session, 2000.0)).SubscriptionId, T, sampling_ms=0.0)
    assert 0.0 <= created.RevisedSamplingInterval <= 100.0


async def test_a_sampling_interval_of_nan_is_revised(session: Session) -> None:
    created = await monitor(session, (await subscribe(session)).SubscriptionId, T, sampling_ms=math.nan)
    assert created.RevisedSamplingInterval >= 0.0


async def reported_of_twenty_scans(session: Session) -> int:
    """Count them; a server that samples by the wall clock is given the time to sample at all."""
    for _ in range(20):
        await step(session)
    async with asyncio.timeout(10):
        while not (found := await changes(session)):
            await step(session)
    return len(found)


async def test_what_is_sampled_more_seldom_is_reported_more_seldom(session: Session) -> None:
    created = await monitor(session, (await subscribe(session)).SubscriptionId, T, sampling_ms=500.0, queue=100)
    assert created.RevisedSamplingInterval >= 500.0
    assert 1 <= await reported_of_twenty_scans(session) <= 2 + 2000.0 / created.RevisedSamplingInterval


# ---------------------------------------------------------------- create


async def test_each_item_gets_its_own_answer(session: Session) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    found = await monitor_all(
        session,
        subscription,
        item(SP, 1),
        item("R999.T", 2),
        item(SP, 3, attribute=999),
        item(SP, 4, attribute=ua.AttributeIds.EventNotifier),
        item("R101", 5, attribute=ua.AttributeIds.Value),
        item(NAMESPACES, 6, index_range="1:0"),
        item(NAMESPACES, 7, index_range="0"),
    )
    bad_attribute = "BadAttributeIdInvalid"
    expected = ["Good", "BadNodeIdUnknown", bad_attribute, bad_attribute, bad_attribute, "BadIndexRangeInvalid", "Good"]
    assert [result.StatusCode.name for result in found] == expected
    assert {change.handle for change in await changes(session)} == {1, 7}


async def test_an_index_range_cuts_what_is_reported(session: Session) -> None:
    await monitor(session, (await subscribe(session)).SubscriptionId, NAMESPACES, index_range="0")
    assert await values(session) == [["http://opcfoundation.org/UA/"]]


async def test_an_attribute_other_than_the_value_can_be_monitored(session: Session) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    await monitor(session, subscription, SP, attribute=ua.AttributeIds.BrowseName)
    assert await values(session) == [ua.QualifiedName("SP", 2)]


async def test_the_first_sample_is_reported_also_when_it_is_bad(session: Session) -> None:
    await monitor(session, (await subscribe(session)).SubscriptionId, "R102.Detector.Cause")
    (change,) = await changes(session)
    assert change.status == WAITING


@pytest.mark.parametrize(
    ("wanted", "source", "server"),
    [
        (ua.TimestampsToReturn.Source, True, False),
        (ua.TimestampsToReturn.Server, False, True),
        (ua.TimestampsToReturn.Both, True, True),
        (ua.TimestampsToReturn.Neither, False, False),
    ],
)
async def test_timestamps_are_returned_as_asked(
    session: Session, wanted: ua.TimestampsToReturn, source: bool, server: bool
) -> None:
    await put(session, SP, 320.0)
    await put(session, CAUSE, "none", kind=STRING)
    subscription = (await subscribe(session)).SubscriptionId
    await monitor_all(session, subscription, item(SP), item(CAUSE, 2), timestamps=wanted)
    await put(session, SP, 321.0)
    await put(session, CAUSE, f"{wanted}", kind=STRING)
    found = await changes(session)
    assert len(found) >= 4
    assert {(each.source is not None, each.server is not None) for each in found} == {(source, server)}


@pytest.mark.parametrize("wanted", [ua.TimestampsToReturn.Invalid, -1, 9, 2**31 - 1])
async def test_impossible_timestamps_are_refused(session: Session, wanted: ua.TimestampsToReturn) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, SP)
    unchanged = (created.MonitoredItemId, ua.MonitoringParameters(1, 0.0, None, 10, True))
    for request in (
        monitor_request(subscription, item(SP), timestamps=wanted),
        modify_items_request(subscription, unchanged, timestamps=wanted),
    ):
        assert await session.refused(request) == "BadTimestampsToReturnInvalid"


@pytest.mark.parametrize(
    ("name", "kind", "wanted"),
    [
        (SP, DOUBLE, [331.25, 332.5]),
        (CAUSE, STRING, ["T sensor bias", "", "µ"]),
        ("R101.Detector.Anomaly", ua.VariantType.Boolean, [True, False]),
        ("R101.TIC101.ModeTarget", ua.VariantType.Int32, [1, 2]),
        (
            "R101.Detector.Since",
            ua.VariantType.DateTime,
            [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)],
        ),
    ],
)
async def test_every_type_arrives_as_it_was_written(
    session: Session, name: str, kind: ua.VariantType, wanted: list[object]
) -> None:
    await put(session, name, wanted[-1], kind=kind)
    await monitor(session, (await subscribe(session)).SubscriptionId, name)
    await values(session)
    await put(session, name, *wanted, kind=kind)
    found = await values(session)
    assert [each.replace(tzinfo=UTC) if isinstance(each, datetime) else each for each in found] == wanted


# ---------------------------------------------------------------- modify


def parameters(
    handle: int = 1, queue: int = 10, filter_: object = None, sampling_ms: float = 0.0
) -> ua.MonitoringParameters:
    return ua.MonitoringParameters(handle, sampling_ms, filter_, queue, True)


async def test_one_unknown_item_does_not_keep_the_others_from_being_modified(session: Session) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, SP, 1)
    await values(session)
    request = modify_items_request(subscription, (UNKNOWN, parameters(5)), (created.MonitoredItemId, parameters(77)))
    answer = await session.call(request)
    assert [each.StatusCode.name for each in answer.Results] == ["BadMonitoredItemIdInvalid", "Good"]
    await put(session, SP, 331.0, 332.0)
    assert await values(session, 77) == [331.0, 332.0]


async def test_a_queue_that_shrinks_keeps_the_newest(session: Session) -> None:
    await put(session, SP, 320.0)
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, SP)
    await values(session)
    await put(session, SP, 321.0, 322.0, 323.0, 324.0)
    answer = await session.call(modify_items_request(subscription, (created.MonitoredItemId, parameters(queue=2))))
    assert answer.Results[0].RevisedQueueSize == 2
    assert await values(session) == [323.0, 324.0]
    await put(session, SP, 325.0, 326.0, 327.0)
    assert await values(session) == [326.0, 327.0]


@pytest.mark.parametrize("discard_oldest", [True, False])
async def test_a_queue_that_shrinks_to_one_has_no_overflow_to_mark(session: Session, discard_oldest: bool) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, SP, queue=2, discard_oldest=discard_oldest)
    await put(session, SP, 321.0, 322.0, 323.0, 324.0)
    await session.call(modify_items_request(subscription, (created.MonitoredItemId, parameters(queue=1))))
    assert [(each.value, each.status) for each in await changes(session)] == [(324.0, 0)]


async def test_an_item_named_twice_in_a_call_is_served_twice(session: Session) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    item_id = (await monitor(session, subscription, SP)).MonitoredItemId
    await put(session, SP, 321.0, 322.0, 323.0)
    wanted = (item_id, parameters(5, queue=2)), (item_id, parameters(6, queue=20))
    answer = await session.call(modify_items_request(subscription, *wanted))
    assert [each.RevisedQueueSize for each in answer.Results] == [2, 20]
    assert await values(session, 6) == [322.0, 323.0]
    deleted = await session.call(delete_items_request(subscription, item_id, item_id))
    assert names(deleted.Results) == ["Good", "BadMonitoredItemIdInvalid"]


async def test_a_queue_that_grows_keeps_what_is_in_it(session: Session) -> None:
    await put(session, SP, 320.0)
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, SP, queue=2)
    await put(session, SP, 321.0)
    await session.call(modify_items_request(subscription, (created.MonitoredItemId, parameters(queue=4))))
    await put(session, SP, 322.0, 323.0)
    assert await values(session) == [320.0, 321.0, 322.0, 323.0]


async def test_a_filter_can_be_modified_and_taken_away(session: Session) -> None:
    await put(session, SP, 320.0)
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, SP)
    await values(session)
    wide = parameters(filter_=deadband(ABSOLUTE, 5.0))
    answer = await session.call(modify_items_request(subscription, (created.MonitoredItemId, wide)))
    assert answer.Results[0].StatusCode.is_good()
    await put(session, SP, 322.0, 324.0, 326.0)
    assert await values(session) == [326.0]
    await session.call(modify_items_request(subscription, (created.MonitoredItemId, parameters())))
    await put(session, SP, 326.5)
    assert await values(session) == [326.5]


async def test_a_filter_that_is_refused_leaves_the_item_as_it_was(session: Session) -> None:
    await put(session, SP, 320.0)
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, SP)
    await values(session)
    wrong = parameters(9, filter_=deadband(ABSOLUTE, -1.0))
    answer = await session.call(modify_items_request(subscription, (created.MonitoredItemId, wrong)))
    assert answer.Results[0].StatusCode.name == "BadDeadbandFilterInvalid"
    await put(session, SP, 321.0)
    assert await values(session, 1) == [321.0]


async def test_a_sampling_interval_can_be_modified(session: Session) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, T, queue=100)
    await changes(session)
    slower = parameters(queue=100, sampling_ms=500.0)
    answer = await session.call(modify_items_request(subscription, (created.MonitoredItemId, slower)))
    assert answer.Results[0].RevisedSamplingInterval >= 500.0
    assert 1 <= await reported_of_twenty_scans(session) <= 2 + 2000.0 / answer.Results[0].RevisedSamplingInterval


async def test_timestamps_can_be_modified(session: Session) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, SP)
    await values(session)
    request = modify_items_request(
        subscription, (created.MonitoredItemId, parameters()), timestamps=ua.TimestampsToReturn.Server
    )
    await session.call(request)
    await put(session, SP, 341.0, 342.0)
    assert {(each.source is None, each.server is None) for each in await changes(session)} == {(True, False)}


async def test_a_deleted_item_reports_nothing_and_is_gone(session: Session) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, SP)
    await values(session)
    request = delete_items_request(subscription, UNKNOWN, created.MonitoredItemId)
    assert names((await session.call(request)).Results) == ["BadMonitoredItemIdInvalid", "Good"]
    await put(session, SP, 343.0)
    assert await values(session) == []
    again = delete_items_request(subscription, created.MonitoredItemId)
    assert names((await session.call(again)).Results) == ["BadMonitoredItemIdInvalid"]


# ---------------------------------------------------------------- triggering


@pytest.mark.parametrize("mode", [Mode.Reporting, Mode.Sampling])
async def test_a_triggering_item_reports_what_is_linked_to_it(session: Session, mode: ua.MonitoringMode) -> None:
    await put(session, SP, 320.0)
    await put(session, KC, 6.0)
    subscription = (await subscribe(session)).SubscriptionId
    trigger = (await monitor(session, subscription, KC, 1, mode=mode)).MonitoredItemId
    linked = (await monitor(session, subscription, SP, 2, mode=Mode.Sampling)).MonitoredItemId
    await changes(session)
    answer = await session.call(triggering_request(subscription, trigger, add=[linked, UNKNOWN]))
    assert names(answer.Parameters.AddResults) == ["Good", "BadMonitoredItemIdInvalid"]
    await put(session, SP, 321.0, 322.0)
    assert await changes(session) == []
    await put(session, KC, 7.0)
    found = await changes(session)
    assert [each.value for each in found if each.handle == 2][-2:] == [321.0, 322.0]
    assert [each.value for each in found if each.handle == 1] == ([7.0] if mode == Mode.Reporting else [])
    await put(session, SP, 323.0)
    assert await changes(session) == []
    answer = await session.call(triggering_request(subscription, trigger, remove=[linked]))
    assert names(answer.Parameters.RemoveResults) == ["Good"]
    await put(session, KC, 8.0)
    assert [each.handle for each in await changes(session)] == ([1] if mode == Mode.Reporting else [])


async def test_a_triggering_item_that_is_unknown_is_refused(session: Session) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    linked = (await monitor(session, subscription, SP)).MonitoredItemId
    request = triggering_request(subscription, UNKNOWN, add=[linked])
    assert await session.refused(request) == "BadMonitoredItemIdInvalid"


async def test_a_link_that_is_not_there_cannot_be_removed(session: Session) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    trigger = (await monitor(session, subscription, KC)).MonitoredItemId
    linked = (await monitor(session, subscription, SP)).MonitoredItemId
    answer = await session.call(triggering_request(subscription, trigger, remove=[linked]))
    assert names(answer.Parameters.RemoveResults) == ["BadMonitoredItemIdInvalid"]


# ---------------------------------------------------------------- what is no one's


@pytest.mark.parametrize(
    "request_",
    [
        monitor_request(UNKNOWN, item(SP)),
        modify_items_request(UNKNOWN, (1, parameters())),
        monitoring_mode_request(UNKNOWN, Mode.Sampling, 1),
        triggering_request(UNKNOWN, 1, add=[2]),
        delete_items_request(UNKNOWN, 1),
    ],
    ids=lambda request: type(request).__name__,
)
async def test_an_unknown_subscription_is_refused(session: Session, request_: object) -> None:
    assert await session.refused(request_) == "BadSubscriptionIdInvalid"


@pytest.mark.parametrize("mode", [-1, 3, 9, 2**31 - 1])
async def test_an_unknown_monitoring_mode_is_refused(session: Session, mode: ua.MonitoringMode) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, SP)
    refused = await session.refused(monitoring_mode_request(subscription, mode, created.MonitoredItemId))
    assert refused == "BadMonitoringModeInvalid"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"mode": 5}, "BadMonitoringModeInvalid"),
        ({"mode": -1}, "BadMonitoringModeInvalid"),
        ({"filter": on(3)}, "BadMonitoredItemFilterInvalid"),
        ({"filter": deadband(ABSOLUTE, 1.0, 7)}, "BadMonitoredItemFilterInvalid"),
        ({"filter": deadband(5, 1.0)}, "BadMonitoredItemFilterUnsupported"),
    ],
)
async def test_a_number_that_is_in_no_enumeration_refuses_its_item_only(
    session: Session, options: dict[str, Any], expected: str
) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    found = await monitor_all(session, subscription, item(SP, 1), item(SP, 2, **options), item(SP, 3))
    assert [result.StatusCode.name for result in found] == ["Good", expected, "Good"]


async def test_a_property_can_be_monitored(session: Session) -> None:
    await monitor(session, (await subscribe(session)).SubscriptionId, node("R101.T.EURange"))
    assert await values(session) == [ua.Range(250.0, 550.0)]
