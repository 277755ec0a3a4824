"""MonitoredItem service set: creation (OPC 10000-4 v1.05 §5.13.2)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua

from .services import (
    ABSOLUTE,
    CAUSE,
    DOUBLE,
    NAMESPACES,
    SP,
    STRING,
    UNKNOWN,
    changes,
    deadband,
    delete_items_request,
    item,
    modify_items_request,
    monitor,
    monitor_all,
    monitor_request,
    monitoring_mode_request,
    node,
    on,
    parameters,
    put,
    subscribe,
    triggering_request,
    values,
)
from .wire import Session

Mode = ua.MonitoringMode
WAITING = ua.StatusCodes.BadWaitingForInitialData


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
