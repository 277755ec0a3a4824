"""Subscription service set: creation, modification, lifetime (OPC 10000-4 v1.05 §5.14)."""

from __future__ import annotations

import asyncio
import math

import pytest
from asyncua import ua

from .services import (
    KC,
    SP,
    TC,
    UNKNOWN,
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
    publishing_mode_request,
    put,
    subscribe,
    values,
)
from .wire import Session

# ---------------------------------------------------------------- create


@pytest.mark.parametrize("asked_ms", [0.0, 1.0, -1.0, -math.inf, math.nan])
async def test_the_publishing_interval_has_a_floor(session: Session, asked_ms: float) -> None:
    """The fastest supported one is the revision of 0 and of what is negative; NaN must at least be revised."""
    floor_ms = (await subscribe(session, 0.0)).RevisedPublishingInterval
    assert 10.0 <= floor_ms <= 1000.0
    revised_ms = (await subscribe(session, asked_ms)).RevisedPublishingInterval
    assert math.isfinite(revised_ms)
    assert revised_ms >= floor_ms
    if not math.isnan(asked_ms):
        assert revised_ms == floor_ms


async def test_the_publishing_interval_has_a_ceiling(session: Session) -> None:
    assert math.isfinite((await subscribe(session, math.inf)).RevisedPublishingInterval)


@pytest.mark.parametrize(("keep_alive", "lifetime"), [(10, 1), (0, 0), (10, 29), (2**32 - 1, 2**32 - 1)])
async def test_the_lifetime_is_at_least_three_keep_alives(session: Session, keep_alive: int, lifetime: int) -> None:
    revised = await subscribe(session, keep_alive=keep_alive, lifetime=lifetime)
    assert revised.RevisedMaxKeepAliveCount >= 1
    assert revised.RevisedLifetimeCount >= 3 * revised.RevisedMaxKeepAliveCount


@pytest.mark.parametrize("interval_ms", [50.0, 60_000.0])
async def test_a_subscription_nobody_asks_for_does_not_live_for_days(session: Session, interval_ms: float) -> None:
    revised = await subscribe(session, interval_ms, keep_alive=4_000_000_000, lifetime=4_000_000_000)
    assert revised.RevisedLifetimeCount * revised.RevisedPublishingInterval <= 3_600_000.0


async def test_a_keep_alive_count_of_zero_is_the_smallest_there_is(session: Session) -> None:
    created = await subscribe(session, keep_alive=0)
    assert created.RevisedMaxKeepAliveCount == 1
    request = modify_subscription_request(created.SubscriptionId, 50.0, keep_alive=0)
    assert (await session.call(request)).Parameters.RevisedMaxKeepAliveCount == 1


# ---------------------------------------------------------------- modes and modification


async def test_a_subscription_that_does_not_publish_is_alive_and_keeps_its_values(session: Session) -> None:
    await put(session, SP, 320.0)
    created = await subscribe(session)
    await monitor(session, created.SubscriptionId, SP)
    await changes(session)
    off = await session.call(publishing_mode_request(False, UNKNOWN, created.SubscriptionId))
    assert names(off.Parameters.Results) == ["BadSubscriptionIdInvalid", "Good"]
    await put(session, SP, 321.0, 322.0)
    assert await values(session) == []
    await session.call(publishing_mode_request(True, created.SubscriptionId))
    assert await values(session) == [321.0, 322.0]


async def test_a_subscription_can_begin_without_publishing(session: Session) -> None:
    await put(session, SP, 320.0)
    created = await subscribe(session, enabled=False)
    await monitor(session, created.SubscriptionId, SP)
    assert await values(session) == []
    await session.call(publishing_mode_request(True, created.SubscriptionId))
    assert await values(session) == [320.0]


@pytest.mark.parametrize(("before_ms", "after_ms"), [(1000.0, 100.0), (100.0, 500.0)])
async def test_a_modified_publishing_interval_is_kept(session: Session, before_ms: float, after_ms: float) -> None:
    created = await subscribe(session, before_ms)
    revised = (await session.call(modify_subscription_request(created.SubscriptionId, after_ms))).Parameters
    period_s = revised.RevisedPublishingInterval * revised.RevisedMaxKeepAliveCount / 1000
    assert after_ms / 1000 <= period_s <= 2 * after_ms / 1000
    await publish(session)
    started = now()
    for _ in range(3):
        await publish(session)
    assert 2.5 * period_s <= now() - started <= 4.5 * period_s


async def test_a_modified_subscription_is_revised_by_the_same_rules(session: Session) -> None:
    created = await subscribe(session, 500.0)
    floor_ms = (await subscribe(session, 0.0)).RevisedPublishingInterval
    request = modify_subscription_request(created.SubscriptionId, 1.0, keep_alive=10, lifetime=1)
    revised = (await session.call(request)).Parameters
    assert revised.RevisedPublishingInterval == floor_ms
    assert revised.RevisedLifetimeCount >= 3 * revised.RevisedMaxKeepAliveCount >= 3


async def test_how_much_a_message_holds_can_be_modified(session: Session) -> None:
    created = await subscribe(session)
    mine = created.SubscriptionId
    await monitor_all(session, mine, *(item(name, handle) for handle, name in enumerate((SP, KC, TC), 1)))
    await session.call(modify_subscription_request(mine, created.RevisedPublishingInterval, most=1))
    found = [await publish(session) for _ in range(3)]
    assert [len(changes_of(each.NotificationMessage)) for each in found] == [1, 1, 1]


# ---------------------------------------------------------------- the end


async def test_a_subscription_nobody_asks_for_dies_and_says_so(session: Session) -> None:
    """The other subscription keeps the session's Publish requests from being refused."""
    await subscribe(session, 60_000.0, keep_alive=1000)
    dying = await subscribe(session, 0.0, keep_alive=1, lifetime=3)
    lapse_s = dying.RevisedPublishingInterval * dying.RevisedLifetimeCount / 1000
    assert lapse_s < 20
    await asyncio.sleep(1.5 * lapse_s + 1.0)
    said = []
    for _ in range(3):
        result = await publish(session)
        data = result.NotificationMessage.NotificationData or []
        said += [
            (result.SubscriptionId, each.Status.name) for each in data if isinstance(each, ua.StatusChangeNotification)
        ]
        if said:
            break
    assert said == [(dying.SubscriptionId, "BadTimeout")]
    answers = await session.call(publishing_mode_request(True, dying.SubscriptionId))
    assert names(answers.Parameters.Results) == ["BadSubscriptionIdInvalid"]


async def test_a_subscription_that_is_asked_for_lives(session: Session) -> None:
    created = await subscribe(session, 0.0, keep_alive=1, lifetime=3)
    lapse_s = created.RevisedPublishingInterval * created.RevisedLifetimeCount / 1000
    until = now() + 2 * lapse_s
    while now() < until:
        await publish(session)
    assert await session.refused(modify_subscription_request(created.SubscriptionId, 100.0)) == "Good"


async def test_any_request_about_a_subscription_keeps_it_alive(session: Session) -> None:
    """Not only Publish: "a Subscription Service request from the Client" (§5.14.1.2)."""
    created = await subscribe(session, 100.0, keep_alive=1, lifetime=3)
    lapse_s = created.RevisedPublishingInterval * created.RevisedLifetimeCount / 1000
    until = now() + 3 * lapse_s
    while now() < until:
        answers = await session.call(publishing_mode_request(True, created.SubscriptionId))
        assert names(answers.Parameters.Results) == ["Good"]
        await asyncio.sleep(lapse_s / 3)


async def test_deleting_answers_for_each(session: Session) -> None:
    created = await subscribe(session)
    request = delete_subscriptions_request(UNKNOWN, created.SubscriptionId, created.SubscriptionId)
    bad = "BadSubscriptionIdInvalid"
    assert names((await session.call(request)).Results) == [bad, "Good", bad]
