"""DataChangeFilter: deadbands and triggers (OPC 10000-4 v1.05 §7.22.2)."""

from __future__ import annotations

import math
from datetime import datetime

import pytest
from asyncua import ua

from .services import (
    ABSOLUTE,
    CAUSE,
    PERCENT,
    SP,
    TC,
    changes,
    deadband,
    monitor,
    monitoring_refusal,
    on,
    put,
    read,
    subscribe,
    values,
)
from .wire import Session

Trigger = ua.DataChangeTrigger
WAITING = ua.StatusCodes.BadWaitingForInitialData


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
