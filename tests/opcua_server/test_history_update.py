"""HistoryUpdate over the wire: what is inserted, replaced and deleted is read back changed, and what it was before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asyncua import Client, ua

from opcua_server.historical_access import update as updating
from opcua_server.services import attribute_history
from plant import quality
from plant.clock import TICKS_PER_SECOND
from plant.quality import EXTRA_DATA
from runtime.opcua_link.filetime import FileTime, ticks_of

from .conftest import Serving, step, value

pytestmark = pytest.mark.asyncio(loop_scope="module")

S = TICKS_PER_SECOND
T, SP, MODE, CAUSE = "R101.T", "R101.TIC101.SP", "R101.TIC101.ModeTarget", "R101.Detector.Cause"
V, Perform = ua.VariantType, ua.PerformUpdateType
Row = tuple[int, Any, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(serving: Serving) -> AsyncIterator[Client]:
    async with serving({"plant.reactors": 1}) as endpoint, Client(endpoint) as client:
        await step(client, 1.0)
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def since(client: Client) -> int:
    """When a test began, plant time; a second later there are ten samples of T, at 0.1 s, 0.2 s and so on."""
    now = ticks_of(await value(client, "Plant.Simulation.Time"))
    await step(client, 1.0)
    return now


def data(time: int, content: Any, kind: ua.VariantType = V.Double, status: int = 0, server: int = 0) -> ua.DataValue:
    return ua.DataValue(
        ua.Variant(content, kind),
        ua.StatusCode(ua.UInt32(status)),
        FileTime.of(time) if time else None,
        FileTime.of(server) if server else None,
    )


def put(name: str, how: ua.PerformUpdateType, *values: ua.DataValue) -> ua.UpdateDataDetails:
    return ua.UpdateDataDetails(NodeId=ua.NodeId(name, 2), PerformInsertReplace=how, UpdateValues=list(values))


def delete(name: str, start: int, end: int, *, modified: bool = False) -> ua.DeleteRawModifiedDetails:
    return ua.DeleteRawModifiedDetails(
        NodeId=ua.NodeId(name, 2), IsDeleteModified=modified, StartTime=FileTime.of(start), EndTime=FileTime.of(end)
    )


def delete_at(name: str, *times: int) -> ua.DeleteAtTimeDetails:
    return ua.DeleteAtTimeDetails(NodeId=ua.NodeId(name, 2), ReqTimes=[FileTime.of(time) for time in times])


async def update(client: Client, *details: Any) -> list[tuple[str, list[str]]]:
    results = await client.uaclient.history_update(ua.HistoryUpdateParameters(list(details)))
    return [(each.StatusCode.name, [code.name for code in each.OperationResults]) for each in results]


async def read(client: Client, name: str, start: int, end: int, limit: int = 0, *, modified: bool = False) -> list[Any]:
    """Return all pages."""
    details = ua.ReadRawModifiedDetails(
        IsReadModified=modified,
        StartTime=FileTime.of(start),
        EndTime=FileTime.of(end),
        NumValuesPerNode=limit,
        ReturnBounds=False,
    )
    pages, point = [], None
    while not pages or point:
        params = ua.HistoryReadParameters(
            HistoryReadDetails=details,
            TimestampsToReturn=ua.TimestampsToReturn.Both,
            ReleaseContinuationPoints=False,
            NodesToRead=[ua.HistoryReadValueId(NodeId=ua.NodeId(name, 2), ContinuationPoint=point)],
        )
        (result,) = await client.uaclient.history_read(params)
        result.StatusCode.check()
        pages.append(result.HistoryData)
        point = result.ContinuationPoint
    return pages


async def raw(client: Client, name: str, start: int, end: int) -> list[tuple[int, Any, int]]:
    return [
        (ticks_of(each.SourceTimestamp) - start, each.Value.Value if each.Value else None, each.StatusCode.value)
        for page in await read(client, name, start, end)
        for each in page.DataValues
    ]


async def modified(client: Client, name: str, start: int, end: int, limit: int = 0) -> list[Row]:
    found = []
    for page in await read(client, name, start, end, limit, modified=True):
        assert isinstance(page, ua.HistoryModifiedData)
        assert not limit or len(page.DataValues) <= limit
        for each, info in zip(page.DataValues, page.ModificationInfos, strict=True):
            found.append((ticks_of(each.SourceTimestamp) - min(start, end), each.Value.Value, info.UpdateType.name))
    return found


async def test_a_value_is_inserted_once(client: Client, since: int) -> None:
    new = data(since + S // 4, 400.0)
    assert await update(client, put(T, Perform.Insert, new)) == [("Good", ["GoodEntryInserted"])]
    assert await update(client, put(T, Perform.Insert, new)) == [("Good", ["BadEntryExists"])]
    assert (S // 4, 400.0, EXTRA_DATA) in await raw(client, T, since, since + S)
    assert await modified(client, T, since, since + S) == [(S // 4, 400.0, "Insert")]


async def test_what_is_replaced_can_still_be_read(client: Client, since: int) -> None:
    time = since + S // 2
    ((_, before, status),) = [each for each in await raw(client, T, since, since + S) if each[0] == S // 2]
    assert status == 0
    assert await update(client, put(T, Perform.Replace, data(time, 401.0), data(time + 1, 402.0))) == [
        ("Good", ["GoodEntryReplaced", "BadNoEntryExists"])
    ]
    assert await update(client, put(T, Perform.Update, data(time, 403.0), data(time + 1, 404.0))) == [
        ("Good", ["GoodEntryReplaced", "GoodEntryInserted"])
    ]
    assert [each for each in await raw(client, T, since, since + S) if each[2]] == [
        (S // 2, 403.0, EXTRA_DATA),
        (S // 2 + 1, 404.0, EXTRA_DATA),
    ]
    assert await modified(client, T, since, since + S) == [
        (S // 2, 401.0, "Update"),
        (S // 2, before, "Replace"),
        (S // 2 + 1, 404.0, "Insert"),
    ]


async def test_who_changed_it_and_when_is_told(client: Client, since: int) -> None:
    await update(client, put(SP, Perform.Insert, data(since + 1, 333.0, server=since + 7)))
    (page,) = await read(client, SP, since, since + S, modified=True)
    (info,), (found,) = page.ModificationInfos, page.DataValues
    now = ua.datetime_to_win_epoch(await client.get_node(ua.ObjectIds.Server_ServerStatus_CurrentTime).read_value())
    assert abs(ticks_of(info.ModificationTime) - now) < 60 * S
    assert info.UserName is None, "nobody has logged in"
    assert ticks_of(found.ServerTimestamp) == since + 7


async def test_raw_values_of_a_span_are_deleted_and_kept_as_modified(client: Client, since: int) -> None:
    all_of_it = await raw(client, T, since, since + S)
    assert await update(client, delete(T, since + S // 10 * 3, since + S // 10 * 5)) == [("Good", [])]
    gone = [each for each in all_of_it if S // 10 * 3 <= each[0] < S // 10 * 5]
    assert len(gone) == 2
    assert await raw(client, T, since, since + S) == [each for each in all_of_it if each not in gone]
    assert await modified(client, T, since, since + S) == [(time, found, "Delete") for time, found, _ in gone]
    assert await update(client, delete(T, since + S // 10 * 3, since + S // 10 * 5)) == [("BadNoData", [])]
    one = since + S // 10 * 6
    assert await update(client, delete(T, one, one)) == [("Good", [])]
    assert len(await raw(client, T, since, since + S)) == len(all_of_it) - 3


async def test_what_is_known_of_changes_is_deleted(client: Client, since: int) -> None:
    await update(client, put(T, Perform.Update, data(since + S // 2, 1.0), data(since + S // 2 + 3, 2.0)))
    assert await update(client, delete(T, since + S // 2, since + S // 2 + 3, modified=True)) == [("Good", [])]
    assert await modified(client, T, since, since + S) == [(S // 2 + 3, 2.0, "Insert")]
    found = {time: (content, status) for time, content, status in await raw(client, T, since, since + S)}
    assert (found[S // 2], found[S // 2 + 3]) == ((1.0, 0), (2.0, EXTRA_DATA))
    assert await update(client, delete(T, since, since + S // 2, modified=True)) == [("BadNoData", [])]


async def test_values_at_times_are_deleted_with_what_was_known_of_them(client: Client, since: int) -> None:
    time = since + S // 2
    await update(client, put(T, Perform.Replace, data(time, 1.0)))
    assert await update(client, delete_at(T, time, time + 1, time + S // 10, time)) == [
        ("Good", ["Good", "BadNoEntryExists", "Good", "BadNoEntryExists"])
    ]
    assert await update(client, delete_at(T, time)) == [("Good", ["BadNoEntryExists"])]
    assert not {S // 2, S // 2 + S // 10} & {each[0] for each in await raw(client, T, since, since + S)}
    assert [(row[0], row[2]) for row in await modified(client, T, since, since + S)] == [
        (S // 2, "Delete"),
        (S // 2 + S // 10, "Delete"),
    ]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_modified_values_come_in_pages_either_way(client: Client, since: int, limit: int) -> None:
    times = [since + S // 2 + place for place in range(3)]
    for content in (1.0, 2.0, 3.0):
        await update(client, put(T, Perform.Update, *(data(time, content) for time in times)))
    forward = await modified(client, T, since, since + S, limit)
    assert len(forward) == 9
    assert [row[0] for row in forward] == sorted(row[0] for row in forward)
    assert [row[1:] for row in forward[3:6]] == [(2.0, "Update"), (1.0, "Update"), (1.0, "Insert")]
    assert await modified(client, T, since + S, since, limit) == forward[::-1]
    assert await modified(client, T, since, times[1], limit) == forward[:3], "without the end"
    behind = await modified(client, T, since + S, times[1], limit)
    assert [row[1:] for row in behind] == [row[1:] for row in forward[:5:-1]]


async def test_the_server_limits_what_it_answers_at_once(
    client: Client, since: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await update(client, put(T, Perform.Insert, *(data(since + place, 1.0) for place in range(1, 8))))
    whole = await modified(client, T, since, since + S)
    monkeypatch.setattr(attribute_history, "MAX_VALUES_PER_READ", 3)
    assert await modified(client, T, since, since + S) == whole
    assert [len(page.DataValues) for page in await read(client, T, since, since + S, modified=True)] == [3, 3, 1]


@pytest.mark.parametrize("most_bytes", [0, 100_000])
async def test_long_texts_come_in_pages_that_a_client_takes(client: Client, since: int, most_bytes: int) -> None:
    texts = [f"{place} " + 2000 * "ü" for place in range(300)]
    values = [data(since + 1 + place, text, V.String) for place, text in enumerate(texts)]
    (answer,) = await update(client, put(CAUSE, Perform.Insert, *values))
    assert set(answer[1]) == {"GoodEntryInserted"}
    limited = Client(client.server_url.geturl())
    limited.max_messagesize = most_bytes
    async with limited:
        for start, end, wanted in ((since, since + S, texts), (since + S, since, texts[::-1])):
            for is_modified in (False, True):
                pages = await read(limited, CAUSE, start, end, modified=is_modified)
                found = [each.Value.Value for page in pages for each in page.DataValues]
                assert found == wanted
                assert (len(pages) > 10) == bool(most_bytes)
        details = ua.ReadRawModifiedDetails(False, FileTime.of(since), FileTime.of(since + S), 0, False)
        nodes = [ua.HistoryReadValueId(NodeId=ua.NodeId(name, 2)) for name in (CAUSE, T, CAUSE)]
        asked = ua.HistoryReadParameters(details, ua.TimestampsToReturn.Both, False, nodes)
        results = await limited.uaclient.history_read(asked)
        assert all(each.StatusCode.is_good() and each.HistoryData.DataValues for each in results)
    await update(client, delete(CAUSE, since, since + S))


async def test_computed_history_is_of_the_changed_values(client: Client, since: int) -> None:
    await update(client, delete(T, since, since + S), put(T, Perform.Insert, data(since + 1, 100.0)))
    await update(client, put(T, Perform.Insert, data(since + S // 2 + 1, 200.0)))
    node = ua.HistoryReadValueId(NodeId=ua.NodeId(T, 2))
    at = ua.ReadAtTimeDetails(ReqTimes=[FileTime.of(since + S // 4 + 1)], UseSimpleBounds=True)
    most = ua.ReadProcessedDetails(
        StartTime=FileTime.of(since),
        EndTime=FileTime.of(since + S - 1),
        ProcessingInterval=0,
        AggregateType=[ua.NodeId(ua.ObjectIds.AggregateFunction_Maximum)],
        AggregateConfiguration=ua.AggregateConfiguration(UseServerCapabilitiesDefaults=True),
    )
    found = []
    for details in (at, most):
        params = ua.HistoryReadParameters(details, ua.TimestampsToReturn.Both, False, [node])
        (result,) = await client.uaclient.history_read(params)
        found.append(result.HistoryData.DataValues[0].Value.Value)
    assert found == [150.0, 200.0]


async def test_each_type_is_taken_and_no_other(client: Client, since: int) -> None:
    time = since + S // 4
    assert await update(
        client,
        put(MODE, Perform.Insert, data(time, 1, V.Int32), data(time + 1, 99, V.Int32), data(time + 2, 1, V.Int64)),
        put(CAUSE, Perform.Insert, data(time, "zu heiß", V.String), data(time + 1, 1.0)),
        put("R101.Alarms.T_H", Perform.Insert, data(time, True, V.Boolean), data(time + 1, 1, V.Byte)),
        put(T, Perform.Insert, data(time, [1.0, 2.0]), data(time, float("inf")), data(time, None, V.Null)),
        put(T, Perform.Insert, data(time, None, V.Null, quality.BAD_SENSOR_FAILURE | 0x0408)),
    ) == [
        ("Good", ["GoodEntryInserted", "BadOutOfRange", "BadTypeMismatch"]),
        ("Good", ["GoodEntryInserted", "BadTypeMismatch"]),
        ("Good", ["GoodEntryInserted", "BadTypeMismatch"]),
        ("Good", ["BadTypeMismatch", "BadOutOfRange", "BadTypeMismatch"]),
        ("Good", ["GoodEntryInserted"]),
    ]
    assert (S // 4, "zu heiß", EXTRA_DATA) in await raw(client, CAUSE, since, since + S)
    assert (S // 4, None, quality.BAD_SENSOR_FAILURE | EXTRA_DATA) in await raw(client, T, since, since + S)


async def test_times_that_cannot_be_stored_are_refused(client: Client, since: int) -> None:
    year = 365 * 86_400 * S
    wanted = ["BadOutOfRange", "BadOutOfRange", "BadOutOfRange", "BadInvalidTimestamp"]
    now = ticks_of(await value(client, "Plant.Simulation.Time"))
    values = [data(time, 1.0) for time in (since + year, now + 1, since - year, 0)]
    for how in (Perform.Insert, Perform.Replace, Perform.Update):
        assert await update(client, put(T, how, *values)) == [("Good", wanted)]


async def test_what_is_no_valid_change_is_refused(client: Client, since: int) -> None:
    event = ua.UpdateEventDetails(NodeId=ua.NodeId(T, 2), PerformInsertReplace=Perform.Insert)
    note = ua.UpdateStructureDataDetails(NodeId=ua.NodeId(T, 2), PerformInsertReplace=Perform.Insert)
    invalid, unsupported = ("BadInvalidArgument", []), ("BadHistoryOperationUnsupported", [])
    assert await update(
        client,
        put(T, Perform.Remove, data(since, 1.0)),
        put(T, Perform.Insert),
        delete(T, since + 1, since),
        delete(T, 0, since),
        delete(T, since, 0),
        delete_at(T),
        event,
        note,
        ua.DeleteEventDetails(NodeId=ua.NodeId(T, 2)),
        put("Plant.Simulation.Time", Perform.Insert, data(since, 1.0)),
        put("R999.T", Perform.Insert, data(since, 1.0)),
        ua.BuildInfo(),
    ) == [
        *[invalid] * 6,
        *[unsupported] * 4,
        ("BadNodeIdUnknown", []),
        ("BadHistoryOperationInvalid", []),
    ]
    with pytest.raises(ua.uaerrors.BadNothingToDo):
        await update(client)
    with pytest.raises(ua.uaerrors.BadTooManyOperations):
        await update(client, *[delete(T, since, since)] * 1_001)


async def test_null_is_as_good_as_an_empty_list(client: Client, since: int) -> None:
    values, times = put(T, Perform.Insert), delete_at(T)
    values.UpdateValues = times.ReqTimes = None  # type: ignore[assignment]
    assert await update(client, values, times) == [("BadInvalidArgument", [])] * 2
    with pytest.raises(ua.uaerrors.BadNothingToDo):
        await client.uaclient.history_update(ua.HistoryUpdateParameters(None))  # type: ignore[arg-type]
    with pytest.raises(ua.uaerrors.BadAggregateListMismatch):
        await _ask(client, ua.ReadProcessedDetails(AggregateType=None))  # type: ignore[arg-type]
    assert await _ask(client, ua.ReadAtTimeDetails(ReqTimes=None)) == "BadInvalidArgument"  # type: ignore[arg-type]


async def _ask(client: Client, details: Any) -> str:
    nodes = [ua.HistoryReadValueId(NodeId=ua.NodeId(T, 2))]
    params = ua.HistoryReadParameters(details, ua.TimestampsToReturn.Both, False, nodes)
    (result,) = await client.uaclient.history_read(params)
    return str(result.StatusCode.name)


async def test_an_unknown_way_to_update_fails_that_node_only(client: Client, since: int) -> None:
    odd = put(T, Perform.Insert, data(since + 5, 1.0))
    odd.PerformInsertReplace = 77  # type: ignore[assignment]
    assert await update(client, odd, put(T, Perform.Insert, data(since + 5, 1.0))) == [
        ("BadInvalidArgument", []),
        ("Good", ["GoodEntryInserted"]),
    ]


async def test_more_than_is_allowed_is_not_deleted(client: Client, since: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updating, "MAX_DELETED", 9)
    before = await raw(client, T, since, since + S)
    assert await update(client, delete(T, since, since + S + 1)) == [("BadTooManyOperations", [])]
    assert await raw(client, T, since, since + S) == before


async def test_modified_values_have_no_bounds_and_need_a_time(client: Client, since: int) -> None:
    for details, wanted in (
        (ua.ReadRawModifiedDetails(True, FileTime.of(since), FileTime.of(since + S), 0, True), "BadInvalidArgument"),
        (ua.ReadRawModifiedDetails(True, FileTime.of(0), FileTime.of(0), 1, False), "BadHistoryOperationInvalid"),
        (ua.ReadRawModifiedDetails(True, FileTime.of(since), FileTime.of(since + 1), 0, False), "GoodNoData"),
    ):
        node = ua.HistoryReadValueId(NodeId=ua.NodeId("R101.X", 2))
        params = ua.HistoryReadParameters(details, ua.TimestampsToReturn.Both, False, [node])
        (result,) = await client.uaclient.history_read(params)
        assert result.StatusCode.name == wanted
