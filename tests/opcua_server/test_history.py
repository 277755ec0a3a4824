"""HistoryRead raw of the last hour."""

from __future__ import annotations

from datetime import timedelta

from asyncua import Client, ua

from .conftest import step, value


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
