"""HistoryRead raw of the last hour."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import Any

import pytest
from asyncua import Client, ua

from opcua_server.historical_access import raw as pages
from plant.clock import TICKS_PER_SECOND
from runtime.opcua_link.filetime import FileTime, ticks_of
from timeseries.reading import History
from timeseries.signals import SignalInfo

from .conftest import step, value

BOTH = 2


async def test_raw_history_is_what_was_sent(client: Client) -> None:
    start = await value(client, "Plant.Simulation.Time")
    seen = []
    for _ in range(20):
        await step(client, 0.1)
        data = await client.get_node("ns=2;s=R101.X").read_data_value()
        seen.append((data.SourceTimestamp, data.Value.Value))
    end = await value(client, "Plant.Simulation.Time")
    node = client.get_node("ns=2;s=R101.X")
    read = await node.read_raw_history(
        start + timedelta(microseconds=1), end + timedelta(seconds=1), return_bounds=False
    )
    assert [(data.SourceTimestamp, data.Value.Value) for data in read] == seen
    backward = await node.read_raw_history(
        end + timedelta(seconds=1), start + timedelta(microseconds=1), return_bounds=False
    )
    assert [data.SourceTimestamp for data in backward] == [time for time, _ in reversed(seen)]


async def test_pages_go_on_where_they_ended(client: Client) -> None:
    start = await value(client, "Plant.Simulation.Time")
    for _ in range(25):
        await step(client, 0.1)
    details = ua.ReadRawModifiedDetails(
        IsReadModified=False,
        StartTime=start,
        EndTime=start + timedelta(hours=1),
        NumValuesPerNode=10,
        ReturnBounds=False,
    )
    times, point = [], None
    for _ in range(10):
        node = ua.HistoryReadValueId(NodeId=ua.NodeId("R101.X", 2), ContinuationPoint=point)
        params = ua.HistoryReadParameters(
            HistoryReadDetails=details,
            TimestampsToReturn=ua.TimestampsToReturn.Both,
            ReleaseContinuationPoints=False,
            NodesToRead=[node],
        )
        (result,) = await client.uaclient.history_read(params)
        times += [data.SourceTimestamp for data in result.HistoryData.DataValues]
        point = result.ContinuationPoint
        if not point:
            break
    assert len(times) >= 25
    assert times == sorted(set(times))


async def test_every_node_of_a_call_goes_on_by_a_point_of_its_own(client: Client) -> None:
    start = await value(client, "Plant.Simulation.Time")
    await step(client, 1.0)
    names = [f"{reactor}.{name}" for reactor in ("R101", "R102") for name in ("T", "TB", "Ca", "Cb", "X", "r", "Qc")]
    names = names * 70  # nearly as many as a call takes
    details = ua.ReadRawModifiedDetails(
        IsReadModified=False,
        StartTime=start,
        EndTime=start + timedelta(hours=1),
        NumValuesPerNode=4,
        ReturnBounds=False,
    )
    found: list[list[ua.DateTime]] = [[] for _ in names]
    points: list[bytes | None] = [None] * len(names)
    for page in range(3):
        nodes = [
            ua.HistoryReadValueId(NodeId=ua.NodeId(name, 2), ContinuationPoint=point)
            for name, point in zip(names, points, strict=True)
        ]
        params = ua.HistoryReadParameters(details, ua.TimestampsToReturn.Both, False, nodes)
        results = await client.uaclient.history_read(params)
        points = [result.ContinuationPoint for result in results]
        assert all(points) == (page < 2)
        for place, result in enumerate(results):
            found[place] += [data.SourceTimestamp for data in result.HistoryData.DataValues]
    assert not any(points)
    assert all(9 <= len(times) <= 11 for times in found)
    assert all(times == sorted(set(times)) for times in found)


async def test_what_is_not_recorded_says_so(client: Client) -> None:
    details = ua.ReadRawModifiedDetails(IsReadModified=False, NumValuesPerNode=1, ReturnBounds=False)
    results = await client.uaclient.history_read(
        ua.HistoryReadParameters(
            HistoryReadDetails=details,
            TimestampsToReturn=ua.TimestampsToReturn.Both,
            ReleaseContinuationPoints=False,
            NodesToRead=[
                ua.HistoryReadValueId(NodeId=ua.NodeId(name, 2)) for name in ("Plant.Simulation.Time", "R1.T")
            ],
        )
    )
    assert [result.StatusCode.name for result in results] == ["BadHistoryOperationUnsupported", "BadNodeIdUnknown"]


async def raw(
    client: Client, point: bytes | None = None, index_range: str | None = None, *, release: bool = False
) -> ua.HistoryReadResult:
    """Read one value."""
    details = ua.ReadRawModifiedDetails(False, FileTime.of(TICKS_PER_SECOND * 2), FileTime.of(2**61), 1, False)
    node = ua.HistoryReadValueId(ua.NodeId("R101.X", 2), index_range, ContinuationPoint=point)
    params = ua.HistoryReadParameters(details, ua.TimestampsToReturn.Both, release, [node])
    return (await client.uaclient.history_read(params))[0]  # type: ignore[no-any-return]


async def test_an_index_range_is_checked_though_there_is_no_part_of_a_number(client: Client) -> None:
    for index_range, expected in (("0", "NoData"), ("1:2,3", "NoData"), ("abc", "Invalid"), ("2:1", "Invalid")):
        assert (await raw(client, index_range=index_range)).StatusCode.name == f"BadIndexRange{expected}"


async def test_a_number_has_no_data_encoding(client: Client) -> None:
    details = ua.ReadRawModifiedDetails(False, FileTime.of(TICKS_PER_SECOND * 2), FileTime.of(2**61), 1, False)
    node = ua.HistoryReadValueId(ua.NodeId("R101.X", 2), None, ua.QualifiedName("Default XML", 0))
    params = ua.HistoryReadParameters(details, ua.TimestampsToReturn.Both, False, [node])
    (found,) = await client.uaclient.history_read(params)
    assert found.StatusCode.name == "BadDataEncodingInvalid"


async def test_a_point_is_of_the_session_that_it_was_given_to(client: Client) -> None:
    await step(client, 1.0)
    point = (await raw(client)).ContinuationPoint
    async with Client(client.server_url.geturl()) as other:
        for release in (False, True):
            assert (await raw(other, point, release=release)).StatusCode.name == "BadContinuationPointInvalid"
    assert (await raw(client, point)).StatusCode.is_good()


async def test_what_is_no_point_cannot_be_released(client: Client) -> None:
    await step(client, 1.0)
    point = (await raw(client)).ContinuationPoint
    names = [(await raw(client, each, release=True)).StatusCode.name for each in (b"xx", point, point)]
    assert names == ["BadContinuationPointInvalid", "Good", "BadContinuationPointInvalid"]


@pytest.fixture
async def times(client: Client) -> list[int]:
    """SourceTimestamps (ticks) of a signal that changes in each of 20 scans, the first value before them left out."""
    start = ticks_of(await value(client, "Plant.Simulation.Time"))
    for _ in range(20):
        await step(client, 0.1)
    return [start + place * TICKS_PER_SECOND // 10 for place in range(1, 21)]


async def read(client: Client, start: int, end: int, limit: int = 0, wanted: int = BOTH) -> list[list[ua.DataValue]]:
    """Read R101.X raw with bounds, page by page; 0 is a time that is not given."""
    details = ua.ReadRawModifiedDetails(
        IsReadModified=False,
        StartTime=FileTime.of(start),
        EndTime=FileTime.of(end),
        NumValuesPerNode=limit,
        ReturnBounds=True,
    )
    pages, point = [], None
    while not pages or point:
        params = ua.HistoryReadParameters(
            HistoryReadDetails=details,
            TimestampsToReturn=ua.TimestampsToReturn(wanted),
            ReleaseContinuationPoints=False,
            NodesToRead=[ua.HistoryReadValueId(NodeId=ua.NodeId("R101.X", 2), ContinuationPoint=point)],
        )
        (result,) = await client.uaclient.history_read(params)
        assert result.StatusCode.is_good(), result
        pages.append(result.HistoryData.DataValues)
        point = result.ContinuationPoint
    return pages


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 22])
@pytest.mark.parametrize("backward", [False, True])
async def test_bounds_stand_at_both_ends_and_count(
    client: Client, times: list[int], limit: int, backward: bool
) -> None:
    long_ago, far = times[0] - 3600 * TICKS_PER_SECOND, times[-1] + TICKS_PER_SECOND
    pages = await read(client, *((far, long_ago) if backward else (long_ago, far)), limit)
    if limit:
        assert all(len(page) <= limit for page in pages)
    flat = [(ticks_of(each.SourceTimestamp), each.StatusCode.name) for page in pages for each in page]
    inside = [(time, "Good") for time in [times[0] - TICKS_PER_SECOND // 10, *times]]
    expected = [(long_ago, "BadBoundNotFound"), *inside, (far, "BadBoundNotFound")]
    assert flat == (expected[::-1] if backward else expected)


async def test_the_end_alone_is_where_reading_into_the_past_begins(client: Client, times: list[int]) -> None:
    node = client.get_node("ns=2;s=R101.X")

    async def read_from(end: int) -> list[int]:
        details = ua.ReadRawModifiedDetails(False, FileTime.of(0), FileTime.of(end), 3, False)
        result = await node.history_read(details)
        return [ticks_of(each.SourceTimestamp) for each in result.HistoryData.DataValues]

    assert await read_from(times[6]) == times[6:3:-1]
    assert await read_from(2**61) == times[:-4:-1], "the newest (OPC 10000-11 v1.05 A.2)"


async def test_a_bound_between_samples_is_the_next_one_outside(client: Client, times: list[int]) -> None:
    (page,) = await read(client, times[3] + 5, times[6] - 5)
    assert [ticks_of(each.SourceTimestamp) for each in page] == times[3:7]


async def test_timestamps_are_those_asked_for(client: Client, times: list[int]) -> None:
    both, source, server = [(await read(client, times[3], times[6], 0, wanted))[0][1] for wanted in (BOTH, 0, 1)]
    assert (both.SourceTimestamp is None, both.ServerTimestamp is None) == (False, False)
    assert (source.SourceTimestamp, source.ServerTimestamp) == (both.SourceTimestamp, None)
    assert (server.SourceTimestamp, server.ServerTimestamp) == (None, both.ServerTimestamp)
    with pytest.raises(ua.uaerrors.BadTimestampsToReturnInvalid):
        await read(client, times[3], times[6], 0, 3)


async def test_without_details_the_call_is_refused(client: Client) -> None:
    params = ua.HistoryReadParameters(NodesToRead=[ua.HistoryReadValueId(NodeId=ua.NodeId("R101.T", 2))])
    params.HistoryReadDetails = None
    with pytest.raises(ua.uaerrors.BadHistoryOperationInvalid):
        await client.uaclient.history_read(params)


async def test_a_disk_that_cannot_be_read_spoils_one_answer_only(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, start = pages.read, await value(client, "Plant.Simulation.Time")
    await step(client, 0.1)

    def failing(history: History, number: int, info: SignalInfo, *asked: Any) -> pages.Page:
        if info.name == "R101.Ca":
            raise sqlite3.OperationalError("disk I/O error")
        return whole(history, number, info, *asked)

    monkeypatch.setattr(pages, "read", failing)
    names = ("R101.T", "R101.Ca", "R101.X")
    params = ua.HistoryReadParameters(
        HistoryReadDetails=ua.ReadRawModifiedDetails(
            StartTime=start, EndTime=start + timedelta(seconds=1), IsReadModified=False
        ),
        TimestampsToReturn=ua.TimestampsToReturn.Both,
        ReleaseContinuationPoints=False,
        NodesToRead=[ua.HistoryReadValueId(NodeId=ua.NodeId(name, 2)) for name in names],
    )
    results = await client.uaclient.history_read(params)
    assert [each.StatusCode.name for each in results] == ["Good", "BadResourceUnavailable", "Good"]
