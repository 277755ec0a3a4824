"""ModifyMonitoredItems, DeleteMonitoredItems and SetTriggering (OPC 10000-4 v1.05 §5.13)."""

from __future__ import annotations

import pytest
from asyncua import ua

from .services import (
    ABSOLUTE,
    KC,
    SP,
    UNKNOWN,
    changes,
    deadband,
    delete_items_request,
    modify_items_request,
    monitor,
    names,
    parameters,
    put,
    subscribe,
    triggering_request,
    values,
)
from .wire import Session

Mode = ua.MonitoringMode


# ---------------------------------------------------------------- modify


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
