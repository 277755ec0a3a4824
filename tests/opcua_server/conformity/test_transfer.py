"""TransferSubscriptions (OPC 10000-4 v1.05 §5.14.7).

Anonymous users may transfer between sessions of one application on signed channels, so most are signed and encrypted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from asyncua import ua

from .conftest import Dial
from .services import (
    SP,
    UNKNOWN,
    answer,
    changes,
    changes_of,
    delete_subscriptions_request,
    monitor,
    publish,
    publish_request,
    publishing_mode_request,
    put,
    read,
    republish_request,
    service_result,
    subscribe,
    transfer,
    values,
)
from .wire import Application, Session, begin, connected


@pytest.fixture
async def old(endpoint: str, application: Application) -> AsyncIterator[Session]:
    """The session that has the subscription first."""
    async with connected(endpoint, application) as active:
        yield active


@pytest.fixture
async def new(endpoint: str, application: Application) -> AsyncIterator[Session]:
    """The session that takes it over."""
    async with connected(endpoint, application) as active:
        yield active


async def test_delivery_moves_to_the_new_session(old: Session, new: Session) -> None:
    await put(old, SP, 320.0)
    mine = (await subscribe(old)).SubscriptionId
    await monitor(old, mine, SP, 7)
    await changes(old)
    (result,) = await transfer(new, mine, initial=False)
    assert result.StatusCode.is_good()
    await put(new, SP, 321.0, 322.0)
    assert await values(new, 7) == [321.0, 322.0]


async def test_the_old_session_is_told_and_has_it_no_longer(old: Session, new: Session) -> None:
    mine = (await subscribe(old, keep_alive=100)).SubscriptionId
    await publish(old)
    waiting = old.send(publish_request())
    await transfer(new, mine)
    message = (await answer(waiting)).Parameters
    (told,) = message.NotificationMessage.NotificationData
    assert isinstance(told, ua.StatusChangeNotification)
    assert (message.SubscriptionId, told.Status.name) == (mine, "GoodSubscriptionTransferred")
    results = (await old.call(publishing_mode_request(False, mine))).Parameters.Results
    assert [each.name for each in results] == ["BadSubscriptionIdInvalid"]
    assert await service_result(old.send(publish_request())) == "BadNoSubscription"


async def test_an_old_session_that_asks_later_is_told_then(old: Session, new: Session) -> None:
    mine = (await subscribe(old, 1000.0)).SubscriptionId
    await transfer(new, mine)
    message = await publish(old)
    assert message.SubscriptionId == mine
    assert [each.Status.name for each in message.NotificationMessage.NotificationData] == [
        "GoodSubscriptionTransferred"
    ]


@pytest.mark.parametrize(("initial", "expected"), [(True, [320.0]), (False, [])])
async def test_the_last_value_is_sent_again_only_if_asked(
    old: Session, new: Session, initial: bool, expected: list[float]
) -> None:
    await put(old, SP, 320.0)
    mine = (await subscribe(old)).SubscriptionId
    await monitor(old, mine, SP)
    assert await values(old) == [320.0]
    await transfer(new, mine, initial=initial)
    assert await values(new) == expected


async def test_values_that_are_queued_are_not_sent_twice(old: Session, new: Session) -> None:
    await put(old, SP, 320.0)
    mine = (await subscribe(old)).SubscriptionId
    await monitor(old, mine, SP)
    await changes(old)
    await put(old, SP, 321.0, 322.0)
    await transfer(new, mine, initial=True)
    assert await values(new) == [321.0, 322.0]


async def test_an_item_that_only_samples_sends_no_initial_value(old: Session, new: Session) -> None:
    mine = (await subscribe(old)).SubscriptionId
    await monitor(old, mine, SP, mode=ua.MonitoringMode.Sampling)
    await transfer(new, mine, initial=True)
    assert await changes(new) == []


async def test_the_new_session_can_republish_what_was_not_acknowledged(old: Session, new: Session) -> None:
    mine = (await subscribe(old)).SubscriptionId
    await monitor(old, mine, SP)
    sent = (await publish(old)).NotificationMessage
    (result,) = await transfer(new, mine, initial=False)
    assert list(result.AvailableSequenceNumbers) == [sent.SequenceNumber]
    again = (await new.call(republish_request(mine, sent.SequenceNumber))).NotificationMessage
    assert changes_of(again) == changes_of(sent) != []
    assert await old.refused(republish_request(mine, sent.SequenceNumber)) == "BadSubscriptionIdInvalid"


async def test_sequence_numbers_go_on(old: Session, new: Session) -> None:
    await put(old, SP, 320.0)
    mine = (await subscribe(old)).SubscriptionId
    await monitor(old, mine, SP)
    sent = (await publish(old)).NotificationMessage.SequenceNumber
    await transfer(new, mine, initial=False)
    await put(new, SP, 321.0)
    message = (await publish(new)).NotificationMessage
    assert message.NotificationData
    assert message.SequenceNumber == sent + 1


async def test_each_subscription_gets_its_answer(old: Session, new: Session) -> None:
    mine = (await subscribe(old)).SubscriptionId
    own = (await subscribe(new)).SubscriptionId
    found = await transfer(new, UNKNOWN, mine, own)
    assert [each.StatusCode.name for each in found] == ["BadSubscriptionIdInvalid", "Good", "BadNothingToDo"]


async def test_another_application_gets_nothing(endpoint: str, old: Session, stranger: Application) -> None:
    await put(old, SP, 320.0)
    mine = (await subscribe(old)).SubscriptionId
    await monitor(old, mine, SP)
    async with connected(endpoint, stranger) as thief:
        (result,) = await transfer(thief, mine)
        assert result.StatusCode.name == "BadUserAccessDenied"
    assert await values(old) == [320.0]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("urn:wire", "urn:wire", "Good"),
        ("urn:wire", "urn:other", "BadUserAccessDenied"),
        ("urn:wire", "", "BadUserAccessDenied"),
        ("", "", "BadUserAccessDenied"),
    ],
)
async def test_without_security_it_must_say_that_it_is_the_same_application(
    endpoint: str, before: str, after: str, expected: str
) -> None:
    """That it may at all is leniency: §5.14.7.1 wants signed channels of Anonymous."""
    async with connected(endpoint, Application(before)) as old, connected(endpoint, Application(after)) as new:
        mine = (await subscribe(old)).SubscriptionId
        assert [each.StatusCode.name for each in await transfer(new, mine)] == [expected]


async def test_a_session_with_all_it_may_have_gets_no_more(session: Session, other: Session) -> None:
    limit = ua.NodeId(ua.ObjectIds.Server_ServerCapabilities_MaxSubscriptionsPerSession)
    most = (await read(session, limit))[0].Value.Value
    assert 0 < most <= 10_000
    own = [(await subscribe(session, 10_000.0)).SubscriptionId for _ in range(most - 1)]
    first, second = [(await subscribe(other, 10_000.0)).SubscriptionId for _ in range(2)]
    found = await transfer(session, first, second, own[0])
    assert [each.StatusCode.name for each in found] == ["Good", "BadTooManySubscriptions", "BadNothingToDo"]
    await session.call(delete_subscriptions_request(*own))
    assert [each.StatusCode.name for each in await transfer(session, second)] == ["Good"]


async def test_a_subscription_outlives_its_session_and_is_taken_over(
    dial: Dial, application: Application, new: Session
) -> None:
    await put(new, SP, 320.0)
    old = await begin(await dial(application), application)
    mine = (await subscribe(old)).SubscriptionId
    await monitor(old, mine, SP)
    await changes(old)
    await old.close(delete_subscriptions=False)
    await old.connection.drop()
    await put(new, SP, 321.0, 322.0)
    (result,) = await transfer(new, mine, initial=True)
    assert result.StatusCode.is_good()
    assert await values(new) == [321.0, 322.0]


async def test_a_subscription_outlives_a_session_that_times_out(
    dial: Dial, application: Application, new: Session
) -> None:
    """Only CloseSession deletes subscriptions (§5.7.2.1): a link may be away longer than a session waits."""
    await put(new, SP, 320.0)
    old = await begin(await dial(application), application, timeout_ms=1.0)
    mine = (await subscribe(old)).SubscriptionId
    await monitor(old, mine, SP)
    await changes(old)
    await old.connection.drop()
    await asyncio.sleep(old.created.RevisedSessionTimeout / 1000.0 + 1.0)
    assert await old.activate(await dial(application)) == "BadSessionIdInvalid"
    await put(new, SP, 321.0, 322.0)
    (result,) = await transfer(new, mine, initial=False)
    assert result.StatusCode.is_good()
    assert await values(new) == [321.0, 322.0]


async def test_a_client_whose_connection_broke_takes_over_with_a_new_session(
    dial: Dial, application: Application, new: Session
) -> None:
    await put(new, SP, 320.0)
    old = await begin(await dial(application), application)
    mine = (await subscribe(old)).SubscriptionId
    await monitor(old, mine, SP)
    await changes(old)
    await old.connection.drop()
    await put(new, SP, 321.0)
    (result,) = await transfer(new, mine, initial=False)
    assert result.StatusCode.is_good()
    await put(new, SP, 322.0)
    assert await values(new) == [321.0, 322.0]


async def test_the_same_session_goes_on_over_a_new_connection(dial: Dial, application: Application) -> None:
    session = await begin(await dial(application), application)
    await put(session, SP, 320.0)
    mine = (await subscribe(session)).SubscriptionId
    await monitor(session, mine, SP)
    await changes(session)
    await session.connection.drop()
    assert await session.activate(await dial(application)) == "Good"
    await put(session, SP, 321.0)
    assert await values(session) == [321.0]
    await session.close()


async def test_what_the_old_session_waits_for_ends_with_its_last_subscription(session: Session, endpoint: str) -> None:
    mine = (await subscribe(session, keep_alive=1000)).SubscriptionId
    first = await publish(session)
    assert first.SubscriptionId == mine
    waiting = [session.send(publish_request()) for _ in range(2)]
    async with connected(endpoint) as other:
        assert (await transfer(other, mine))[0].StatusCode.is_good()
        assert await service_result(waiting[0]) == "Good"  # the StatusChangeNotification
        assert await service_result(waiting[1]) == "BadNoSubscription"
