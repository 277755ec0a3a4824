"""HistoryRead at times and processed: what the aggregates make of the raw history, page by page and either way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from asyncua import Client, ua

from opcua_server.historical_access.processed import AGGREGATES
from opcua_server.services import attribute_history
from plant import quality
from plant.clock import TICKS_PER_SECOND
from runtime.opcua_link.filetime import FileTime, ticks_of
from timeseries.aggregates import FUNCTIONS, Series, aggregates

from .conftest import Serving, step, value, write

pytestmark = pytest.mark.asyncio(loop_scope="module")

S = TICKS_PER_SECOND
T, SP, MODE, CAUSE = "R101.T", "R101.TIC101.SP", "R101.TIC101.ModeTarget", "R101.Detector.Cause"
BY_NAME = {name: node for node, name in AGGREGATES.items()}
Row = tuple[int, Any, int]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(serving: Serving) -> AsyncIterator[Client]:
    """A client of a plant with 30 s of history, a setpoint that was changed, and a transmitter that has failed."""
    async with serving({"plant.reactors": 1}) as endpoint, Client(endpoint) as client:
        await step(client, 10.0)
        await write(client, (SP, 340.0, ua.VariantType.Double))
        await step(client, 5.05)
        simulation = client.get_node("ns=2;s=R101.Simulation")
        await simulation.call_method("2:Inject", "sensor-failure", '{"signal": "T"}')
        await step(client, 5.0)
        await simulation.call_method("2:Clear", "")
        await step(client, 10.0)
        yield client


async def asked(client: Client, details: Any, *names: str) -> list[list[ua.DataValue]]:
    """Read all pages; raise what an operation answers."""
    pages: list[list[ua.DataValue]] = [[] for _ in names]
    points: list[bytes | None] = [None] * len(names)
    while True:
        params = ua.HistoryReadParameters(
            HistoryReadDetails=details,
            TimestampsToReturn=ua.TimestampsToReturn.Source,
            ReleaseContinuationPoints=False,
            NodesToRead=[
                ua.HistoryReadValueId(NodeId=ua.NodeId(name, 2), ContinuationPoint=point)
                for name, point in zip(names, points, strict=True)
            ],
        )
        for place, result in enumerate(await client.uaclient.history_read(params)):
            result.StatusCode.check()
            pages[place] += result.HistoryData.DataValues
            points[place] = result.ContinuationPoint
        if not any(points):
            return pages


def rows(found: list[ua.DataValue]) -> list[Row]:
    shown = []
    for each in found:
        scalar = each.Value.Value if each.Value is not None else None
        shown.append((ticks_of(each.SourceTimestamp), getattr(scalar, "value", scalar), each.StatusCode.value))
    return shown


async def raw(client: Client, name: str, start: int, end: int) -> Series:
    details = ua.ReadRawModifiedDetails(
        IsReadModified=False, StartTime=FileTime.of(start), EndTime=FileTime.of(end), ReturnBounds=True
    )
    (found,) = await asked(client, details, name)
    samples = [row for row in rows(found) if row[2] != quality.BAD_BOUND_NOT_FOUND]
    stepped = name != T
    return Series.of(samples, stepped=stepped, covered_to=max(start, end) if stepped else None)


def processed(name: str, start: int, end: int, interval_s: float, **configuration: Any) -> ua.ReadProcessedDetails:
    defaults = not configuration
    return ua.ReadProcessedDetails(
        StartTime=FileTime.of(start),
        EndTime=FileTime.of(end),
        ProcessingInterval=interval_s * 1000.0,
        AggregateType=[BY_NAME[name]],
        AggregateConfiguration=ua.AggregateConfiguration(UseServerCapabilitiesDefaults=defaults, **configuration),
    )


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name in BY_NAME])
async def test_every_aggregate_is_that_of_the_raw_history(plant: Client, function: str) -> None:
    now = ticks_of(await value(plant, "Plant.Simulation.Time"))
    start, end = now - 28 * S, now - S // 3
    for name in (T, SP):
        for first, last in ((start, end), (end, start)):
            (found,) = await asked(plant, processed(function, first, last, 4.0), name)
            series = await raw(plant, name, first - 60 * S, last + 60 * S) if first < last else None
            series = series or await raw(plant, name, last - 60 * S, first + 60 * S)
            wanted = aggregates(series, first, last, 4 * S, function)
            statuses = wanted.statuses.tolist()
            assert [row[::2] for row in rows(found)] == list(zip(wanted.times.tolist(), statuses, strict=True)), name
            values = [
                None if quality.is_bad(status) else pytest.approx(value, rel=1e-9)
                for value, status in zip(wanted.values.tolist(), statuses, strict=True)
            ]
            assert [row[1] for row in rows(found)] == values, name


async def test_results_come_in_pages(plant: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    now = ticks_of(await value(plant, "Plant.Simulation.Time"))
    details = processed("TimeAverage", now - 20 * S, now, 0.7)
    (whole,) = await asked(plant, details, T)
    at = ua.ReadAtTimeDetails(ReqTimes=[each.SourceTimestamp for each in whole], UseSimpleBounds=True)
    (at_once,) = await asked(plant, at, T)
    monkeypatch.setattr(attribute_history, "MAX_VALUES_PER_READ", 4)
    assert (await asked(plant, details, T))[0] == whole
    assert (await asked(plant, at, T))[0] == at_once
    assert len(whole) == len(at_once) == 29


async def test_types_are_the_standards(plant: Client) -> None:
    now = ticks_of(await value(plant, "Plant.Simulation.Time"))
    types = {
        ("Count", T): ua.VariantType.Int32,
        ("WorstQuality", T): ua.VariantType.StatusCode,
        ("Average", T): ua.VariantType.Double,
        ("Maximum", MODE): ua.VariantType.Int32,
        ("TimeAverage2", MODE): ua.VariantType.Double,
    }
    for (function, name), wanted in types.items():
        ((found,),) = await asked(plant, processed(function, now - 40 * S, now, 0), name)
        assert found.Value.VariantType == wanted, function


async def test_what_is_computed_has_no_server_timestamp(plant: Client) -> None:
    now = ticks_of(await value(plant, "Plant.Simulation.Time"))
    at = ua.ReadAtTimeDetails(ReqTimes=[FileTime.of(now - S)], UseSimpleBounds=True)
    node = ua.HistoryReadValueId(NodeId=ua.NodeId(T, 2))
    for details in (processed("Average", now - 10 * S, now, 0), at):
        params = ua.HistoryReadParameters(details, ua.TimestampsToReturn.Both, False, [node])
        (result,) = await plant.uaclient.history_read(params)
        (found,) = result.HistoryData.DataValues
        assert found.SourceTimestamp is not None
        assert found.ServerTimestamp is None
        (result,) = await plant.uaclient.history_read(replace(params, TimestampsToReturn=ua.TimestampsToReturn.Server))
        assert result.StatusCode.name == "BadTimestampsToReturnInvalid"


async def test_the_configuration_counts(plant: Client) -> None:
    now = ticks_of(await value(plant, "Plant.Simulation.Time"))
    strict = {"TreatUncertainAsBad": True, "PercentDataBad": 10, "PercentDataGood": 100}
    equal = {**strict, "PercentDataGood": 90}
    for configuration, wanted in ((strict, "Bad"), (equal, "UncertainDataSubNormal"), ({}, "UncertainDataSubNormal")):
        ((found,),) = await asked(plant, processed("TimeAverage2", now - 30 * S, now, 0, **configuration), T)
        assert quality.name_of(found.StatusCode.value) == wanted


async def test_values_at_times(plant: Client) -> None:
    now = ticks_of(await value(plant, "Plant.Simulation.Time"))
    series = await raw(plant, T, now - 29 * S, now - 27 * S)
    first, second = int(series.times[0]), int(series.times[1])
    middle = (first + second) // 2
    wanted = [second, middle, first, now + 3600 * S, now - 3600 * S]
    details = ua.ReadAtTimeDetails(ReqTimes=[FileTime.of(each) for each in wanted], UseSimpleBounds=True)
    (found,) = await asked(plant, details, T)
    shown = rows(found)
    assert [row[0] for row in shown] == wanted
    assert [row[1] for row in shown[:3]] == [
        series.values[1],
        pytest.approx((series.values[0] + series.values[1]) / 2),
        series.values[0],
    ]
    assert [row[2] for row in shown[:3]] == [0, quality.INTERPOLATED, 0]
    assert [quality.name_of(row[2]) for row in shown[3:]] == ["BadNoData", "BadNoData"]
    held = ua.ReadAtTimeDetails(ReqTimes=[FileTime.of(now - S), FileTime.of(now - 25 * S)], UseSimpleBounds=True)
    (found,) = await asked(plant, held, SP)
    assert [row[1:] for row in rows(found)] == [(340.0, quality.INTERPOLATED), (350.0, quality.INTERPOLATED)]


async def test_what_is_set_is_known_to_hold_up_to_the_newest_sample_only(plant: Client) -> None:
    now = ticks_of(await value(plant, "Plant.Simulation.Time"))
    tomorrow = now + 24 * 3600 * S
    for function in ("TimeAverage2", "PercentGood", "EndBound"):
        ((found,),) = await asked(plant, processed(function, tomorrow, tomorrow + 3600 * S, 0), SP)
        assert quality.name_of(found.StatusCode.value) == "BadNoData", function
    wanted = [now, now + 1, tomorrow]
    for name, held in ((SP, 340.0), (MODE, 2)):
        for simple, behind in ((True, "BadNoData"), (False, "UncertainDataSubNormal")):
            at = ua.ReadAtTimeDetails(ReqTimes=[FileTime.of(each) for each in wanted], UseSimpleBounds=simple)
            (found,) = await asked(plant, at, name)
            assert [quality.name_of(each.StatusCode.value) for each in found] == ["Good", behind, behind]
            values = [row[1] for row in rows(found)]
            assert values == ([held, None, None] if simple else [held] * 3)


async def test_an_interval_that_is_half_in_the_future_is_partial(
    plant: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = ticks_of(await value(plant, "Plant.Simulation.Time"))
    for name in (SP, MODE):
        ((half,),) = await asked(plant, processed("DurationGood", now - 10 * S, now + 10 * S, 0), name)
        assert half.StatusCode.value == quality.CALCULATED | quality.PARTIAL
        assert half.Value.Value == pytest.approx(10_000.0, abs=1.001)
    several = processed("TimeAverage2", now - 10 * S, now + 10 * S, 3.0)
    (whole,) = await asked(plant, several, SP)
    good, partial, nothing = quality.CALCULATED, quality.CALCULATED | quality.PARTIAL, quality.BAD_NO_DATA
    assert [row[2] for row in rows(whole)] == [good, good, good, partial, nothing, nothing, nothing]
    monkeypatch.setattr(attribute_history, "MAX_VALUES_PER_READ", 2)
    assert (await asked(plant, several, SP))[0] == whole


async def test_what_cannot_be_answered_says_why(plant: Client) -> None:
    now = ticks_of(await value(plant, "Plant.Simulation.Time"))
    unknown = processed("Average", now - S, now, 1)
    unknown.AggregateType = [ua.NodeId(ua.ObjectIds.AggregateFunction_AnnotationCount)]
    for details, wanted in (
        (unknown, ua.uaerrors.BadAggregateNotSupported),
        (processed("Average", now, now, 1), ua.uaerrors.BadInvalidArgument),
        (processed("Average", 0, now, 1), ua.uaerrors.BadInvalidArgument),
        (processed("Average", now - S, now, -1), ua.uaerrors.BadInvalidArgument),
        (processed("Average", now - S, now, 4e-8), ua.uaerrors.BadInvalidArgument),
        (
            processed("Average", now - S, now, 1, PercentDataBad=101, PercentDataGood=100),
            ua.uaerrors.BadAggregateInvalidInputs,
        ),
        (ua.ReadAtTimeDetails(ReqTimes=[], UseSimpleBounds=True), ua.uaerrors.BadInvalidArgument),
        (ua.ReadEventDetails(), ua.uaerrors.BadHistoryOperationUnsupported),
    ):
        with pytest.raises(wanted):
            await asked(plant, details, T)
    with pytest.raises(ua.uaerrors.BadAggregateNotSupported):
        await asked(plant, processed("Average", now - S, now, 1), CAUSE)
    assert await asked(plant, processed("Count", now - S, now, 1), CAUSE)
    two = processed("Average", now - S, now, 1)
    with pytest.raises(ua.uaerrors.BadAggregateListMismatch):
        await asked(plant, two, T, SP)
