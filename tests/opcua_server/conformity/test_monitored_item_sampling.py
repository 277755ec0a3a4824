"""How often and in which mode a MonitoredItem samples (OPC 10000-4 v1.05 §5.13.1, §5.13.4, §7.21)."""

from __future__ import annotations

import asyncio
import math

import pytest
from asyncua import ua

from .services import (
    SP,
    UNKNOWN,
    T,
    changes,
    modify_items_request,
    monitor,
    monitoring_mode_request,
    names,
    parameters,
    put,
    read,
    rvid,
    step,
    subscribe,
    values,
)
from .wire import Session

Mode = ua.MonitoringMode


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


async def test_a_sampling_interval_can_be_modified(session: Session) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    created = await monitor(session, subscription, T, queue=100)
    await changes(session)
    slower = parameters(queue=100, sampling_ms=500.0)
    answer = await session.call(modify_items_request(subscription, (created.MonitoredItemId, slower)))
    assert answer.Results[0].RevisedSamplingInterval >= 500.0
    assert 1 <= await reported_of_twenty_scans(session) <= 2 + 2000.0 / answer.Results[0].RevisedSamplingInterval


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
