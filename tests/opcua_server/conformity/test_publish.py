"""Publish and Republish: cycles, sequence numbers, acknowledgement (OPC 10000-4 v1.05 §5.14.1, §5.14.5, §5.14.6)."""

from __future__ import annotations

import asyncio
from typing import Any

from .services import (
    SP,
    UNKNOWN,
    answer,
    changes,
    changes_of,
    delete_subscriptions_request,
    item,
    modify_subscription_request,
    monitor,
    monitor_all,
    names,
    now,
    publish,
    publish_request,
    put,
    read,
    republish_request,
    service_result,
    subscribe,
)
from .wire import Session

# ---------------------------------------------------------------- cycles and keep-alives


async def test_the_first_message_comes_after_one_interval_however_long_the_keep_alive(session: Session) -> None:
    started = now()
    created = await subscribe(session, 100.0, keep_alive=100)
    result = await publish(session)
    assert result.SubscriptionId == created.SubscriptionId
    assert not result.NotificationMessage.NotificationData
    assert now() - started < 10 * created.RevisedPublishingInterval / 1000


async def test_a_keep_alive_carries_the_next_number_and_uses_none_up(session: Session) -> None:
    created = await subscribe(session)
    for _ in range(3):
        alive = await publish(session)
        assert not alive.NotificationMessage.NotificationData
        assert alive.NotificationMessage.SequenceNumber == 1
        assert not alive.AvailableSequenceNumbers
    await monitor(session, created.SubscriptionId, SP)
    data = await publish(session)
    assert data.NotificationMessage.NotificationData
    assert data.NotificationMessage.SequenceNumber == 1
    assert (await publish(session)).NotificationMessage.SequenceNumber == 2


async def test_keep_alives_come_at_their_period(session: Session) -> None:
    created = await subscribe(session, 100.0, keep_alive=4)
    period_s = created.RevisedMaxKeepAliveCount * created.RevisedPublishingInterval / 1000
    await publish(session)
    started = now()
    await publish(session)
    assert 0.7 * period_s <= now() - started <= 1.6 * period_s


async def test_a_late_publish_is_answered_at_once(session: Session) -> None:
    created = await subscribe(session, 1000.0)
    await publish(session)
    await monitor(session, created.SubscriptionId, SP)
    await asyncio.sleep(1.3 * created.RevisedPublishingInterval / 1000)
    started = now()
    assert changes_of((await publish(session)).NotificationMessage)
    assert now() - started < 0.5 * created.RevisedPublishingInterval / 1000


async def test_sequence_numbers_follow_each_other(session: Session) -> None:
    created = await subscribe(session)
    await monitor(session, created.SubscriptionId, SP)
    numbers = [(await publish(session)).NotificationMessage.SequenceNumber]
    for value in (321.0, 322.0, 323.0):
        await put(session, SP, value)
        result = await publish(session)
        if not result.NotificationMessage.NotificationData:
            result = await publish(session)
        numbers.append(result.NotificationMessage.SequenceNumber)
    assert numbers == [1, 2, 3, 4]


async def test_each_of_several_subscriptions_gets_its_turn(session: Session) -> None:
    created = [(await subscribe(session, keep_alive=100)).SubscriptionId for _ in range(3)]
    for subscription in created:
        await monitor(session, subscription, SP)
    found = [await publish(session) for _ in created]
    assert sorted(each.SubscriptionId for each in found) == sorted(created)
    assert all(changes_of(each.NotificationMessage) for each in found)


# ---------------------------------------------------------------- how much fits in a message


async def test_a_message_holds_no_more_than_was_asked_and_says_that_more_follow(session: Session) -> None:
    created = await subscribe(session, 1000.0, most=2)
    await publish(session)
    items = [item(SP, handle) for handle in range(1, 6)]
    await monitor_all(session, created.SubscriptionId, *items)
    waiting = [session.send(publish_request()) for _ in range(3)]
    found = [(await answer(waiting[0])).Parameters]
    started = now()
    found += [(await answer(each)).Parameters for each in waiting[1:]]
    assert now() - started < 0.5 * created.RevisedPublishingInterval / 1000
    handles = [[change.handle for change in changes_of(each.NotificationMessage)] for each in found]
    assert [len(each) for each in handles] == [2, 2, 1]
    assert sorted(handle for each in handles for handle in each) == [1, 2, 3, 4, 5]
    assert [each.MoreNotifications for each in found] == [True, True, False]
    assert [each.NotificationMessage.SequenceNumber for each in found] == [1, 2, 3]


async def test_one_items_values_are_split_over_messages_in_their_order(session: Session) -> None:
    await put(session, SP, 320.0)
    created = await subscribe(session, most=2)
    await monitor(session, created.SubscriptionId, SP)
    await changes(session)
    await put(session, SP, 321.0, 322.0, 323.0, 324.0, 325.0)
    found = [await publish(session) for _ in range(3)]
    assert [len(changes_of(each.NotificationMessage)) for each in found] == [2, 2, 1]
    reported = [change.value for each in found for change in changes_of(each.NotificationMessage)]
    assert reported == [321.0, 322.0, 323.0, 324.0, 325.0]


# ---------------------------------------------------------------- acknowledgement and republish


async def test_each_acknowledgement_gets_its_answer(session: Session) -> None:
    created = await subscribe(session)
    await monitor(session, created.SubscriptionId, SP)
    number = (await publish(session)).NotificationMessage.SequenceNumber
    mine = created.SubscriptionId
    result = await publish(session, (mine, number), (mine, number), (mine, 99), (UNKNOWN, number))
    unknown = "BadSequenceNumberUnknown"
    assert names(result.Results) == ["Good", unknown, unknown, "BadSubscriptionIdInvalid"]


async def test_what_is_not_acknowledged_is_available(session: Session) -> None:
    await put(session, SP, 320.0)
    created = await subscribe(session)
    mine = created.SubscriptionId
    await monitor(session, mine, SP)
    first = await publish(session)
    assert list(first.AvailableSequenceNumbers) == [1]
    await put(session, SP, 321.0)
    result = await publish(session)
    while not result.NotificationMessage.NotificationData:
        result = await publish(session)
    assert sorted(result.AvailableSequenceNumbers) == [1, 2]
    result = await publish(session, (mine, 1))
    assert list(result.AvailableSequenceNumbers) == [2]


async def test_a_message_is_republished_as_it_was_as_often_as_asked_until_acknowledged(session: Session) -> None:
    created = await subscribe(session)
    await monitor(session, created.SubscriptionId, SP)
    sent = (await publish(session)).NotificationMessage
    request = republish_request(created.SubscriptionId, sent.SequenceNumber)
    for _ in range(2):
        again = (await session.call(request)).NotificationMessage
        assert again.SequenceNumber == sent.SequenceNumber
        assert again.PublishTime == sent.PublishTime
        assert changes_of(again) == changes_of(sent) != []
    await publish(session, (created.SubscriptionId, sent.SequenceNumber))
    assert await session.refused(request) == "BadMessageNotAvailable"


async def test_what_was_never_sent_cannot_be_republished(session: Session) -> None:
    created = await subscribe(session)
    alive = (await publish(session)).NotificationMessage.SequenceNumber
    for number in (alive, 12345):
        assert await session.refused(republish_request(created.SubscriptionId, number)) == "BadMessageNotAvailable"


async def test_the_retransmission_queue_is_bounded_and_keeps_the_newest(session: Session) -> None:
    created = await subscribe(session, 0.0)
    await monitor(session, created.SubscriptionId, SP)
    last = await publish(session)
    for place in range(40):
        await put(session, SP, 330.0 + place)
        last = await publish(session)
        while not last.NotificationMessage.NotificationData:
            last = await publish(session)
    number = last.NotificationMessage.SequenceNumber
    available = sorted(last.AvailableSequenceNumbers)
    assert available == list(range(number - len(available) + 1, number + 1))
    assert 2 <= len(available) <= 1000
    assert (await session.call(republish_request(created.SubscriptionId, available[0]))).NotificationMessage


async def test_an_unknown_subscription_is_refused(session: Session) -> None:
    assert await session.refused(republish_request(UNKNOWN, 1)) == "BadSubscriptionIdInvalid"
    assert await session.refused(modify_subscription_request(UNKNOWN, 100.0)) == "BadSubscriptionIdInvalid"


# ---------------------------------------------------------------- publish requests


async def test_without_a_subscription_there_is_nothing_to_publish(session: Session) -> None:
    assert await service_result(session.send(publish_request())) == "BadNoSubscription"


async def test_waiting_publish_requests_end_with_the_last_subscription(session: Session) -> None:
    created = await subscribe(session, 1000.0, keep_alive=100)
    await publish(session)
    waiting = [session.send(publish_request()) for _ in range(2)]
    await session.call(delete_subscriptions_request(created.SubscriptionId))
    assert [await service_result(each) for each in waiting] == ["BadNoSubscription"] * 2


async def test_of_too_many_publish_requests_the_oldest_is_answered(session: Session) -> None:
    """One more than there are subscriptions must be accepted; where the limit lies is the server's business."""
    await subscribe(session, 1000.0, keep_alive=1000)
    await publish(session)
    waiting: list[asyncio.Future[Any]] = []
    while not any(each.done() for each in waiting):
        assert len(waiting) < 2000
        waiting += [session.send(publish_request()) for _ in range(50)]
        await read(session, SP)
    answered = [place for place, each in enumerate(waiting) if each.done()]
    assert {await service_result(waiting[place]) for place in answered} == {"BadTooManyPublishRequests"}
    assert answered == list(range(len(answered)))
    assert len(answered) <= len(waiting) - 2


async def test_a_publish_request_that_has_timed_out_takes_no_data_with_it(session: Session) -> None:
    await put(session, SP, 320.0)
    created = await subscribe(session, 500.0, keep_alive=100)
    await publish(session)
    short = session.send(publish_request(), hint_ms=50)
    lasting = session.send(publish_request())
    await asyncio.sleep(0.1)
    await monitor(session, created.SubscriptionId, SP)
    assert await service_result(short) == "BadTimeout"
    result = (await answer(lasting)).Parameters
    assert [change.value for change in changes_of(result.NotificationMessage)] == [320.0]
