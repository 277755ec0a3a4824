"""Changes to history in the audit trail, and as events: what was asked for, by whom, and what was there before."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua

from opcua_server.historical_access.updater import HistoryUpdater
from plant.clock import TICKS_PER_SECOND, text_from_ticks
from runtime.opcua_link.filetime import FileTime, ticks_of

from ..conftest import Serving, step, value
from .asking import DOUBLE, plant
from .conftest import Trail
from .logins import login, off_loopback
from .test_audit import eventually, listen

SP = plant("R101.TIC101.SP")
HOW, IDS = ua.PerformUpdateType, ua.ObjectIds


def is_of_history(line: dict[str, Any]) -> bool:
    return line["event"].startswith("AuditHistory")


async def update(client: Client, *details: Any) -> None:
    await client.uaclient.history_update(ua.HistoryUpdateParameters(list(details)))


def data(time: int, content: float) -> ua.DataValue:
    return ua.DataValue(ua.Variant(content, DOUBLE), SourceTimestamp=FileTime.of(time))


@pytest.fixture
async def endpoint(serving: Serving, folder: Path) -> AsyncIterator[str]:
    async with serving(folder=folder) as served:
        yield served


async def test_each_change_is_told_by_its_own_kind_of_event(endpoint: str, trail: Trail) -> None:
    async with Client(endpoint) as client, Client(endpoint) as other:
        await step(client, 1.0)
        now = ticks_of(await value(client, "Plant.Simulation.Time"))
        listener = await listen(other, IDS.AuditHistoryUpdateEventType)
        first, second = now - TICKS_PER_SECOND // 2, now - TICKS_PER_SECOND // 2 + 1
        await update(
            client,
            ua.UpdateDataDetails(SP, HOW.Insert, [data(first, 320.0), data(second, 330.0)]),
            ua.UpdateDataDetails(SP, HOW.Update, [data(first, 321.0), data(0, 1.0)]),
            ua.DeleteAtTimeDetails(SP, [FileTime.of(second)]),
            ua.DeleteRawModifiedDetails(SP, False, FileTime.of(first), FileTime.of(first)),
            ua.DeleteRawModifiedDetails(SP, True, FileTime.of(first), FileTime.of(first)),
            ua.DeleteEventDetails(NodeId=SP),
        )
        events = await eventually(lambda: len(listener.events) == 6 and listener.events)
        names = ["ValueUpdate", "ValueUpdate", "AtTimeDelete", "RawModifyDelete", "RawModifyDelete", "EventDelete"]
        assert [each.EventType for each in events] == [
            ua.NodeId(getattr(IDS, f"AuditHistory{name}EventType")) for name in names
        ]
        assert [each.SourceNode for each in events] == [SP] * 6
        assert {each.SourceName for each in events} == {"Attribute/HistoryUpdate"}
        assert [each.Status for each in events] == [True] * 5 + [False]
        lines = await eventually(lambda: len(found := [each for each in trail() if is_of_history(each)]) == 6 and found)
        inserted, updated, at_time, raw, modified, refused = lines
        assert inserted["PerformInsertReplace"] == 1
        assert [each["value"] for each in inserted["NewValues"]] == [320.0, 330.0]
        assert inserted["OldValues"] == []
        assert [each["value"] for each in updated["OldValues"]] == [320.0]
        assert updated["message"].endswith("changed; update: 1 GoodEntryReplaced, 1 BadInvalidTimestamp")
        assert at_time["ReqTimes"] == [text_from_ticks(second)]
        assert [each["value"] for each in at_time["OldValues"]] == [330.0]
        assert (raw["IsDeleteModified"], raw["StartTime"]) == (False, text_from_ticks(first))
        assert [each["value"] for each in raw["OldValues"]] == [321.0]
        assert (modified["IsDeleteModified"], len(modified["OldValues"])) == (True, 3)
        assert refused["status"] == "BadHistoryOperationUnsupported"


async def test_refusals_are_told_with_user_and_reason(serving: Serving, folder: Path, trail: Trail) -> None:
    async with serving(off_loopback(folder), folder) as endpoint:
        async with login(endpoint, folder, "operator") as client:
            details = ua.UpdateDataDetails(SP, HOW.Replace, [data(1, 320.0)])
            details_of_many = ua.UpdateDataDetails(SP, HOW.Insert, [data(1, 1.0)] * 200)
            await update(client, details, details_of_many)
        lines = await eventually(lambda: len(found := trail("AuditHistoryValueUpdateEventType")) == 2 and found)
    assert [(line["user"], line["status"]) for line in lines] == [("operator", "BadUserAccessDenied")] * 2
    assert "not changed: BadUserAccessDenied" in lines[0]["message"]
    assert len(lines[1]["NewValues"]) == 100


async def test_the_name_of_who_changed_a_value_stands_with_what_was_before(serving: Serving, folder: Path) -> None:
    async with serving(off_loopback(folder), folder) as endpoint, login(endpoint, folder, "engineer") as client:
        now = ticks_of(await value(client, "Plant.Simulation.Time"))
        await update(client, ua.UpdateDataDetails(SP, HOW.Insert, [data(now - 5, 320.0)]))
        details = ua.ReadRawModifiedDetails(True, FileTime.of(now - 5), FileTime.of(now), 0, False)
        params = ua.HistoryReadParameters(
            details, ua.TimestampsToReturn.Both, False, [ua.HistoryReadValueId(NodeId=SP)]
        )
        (result,) = await client.uaclient.history_read(params)
        assert [info.UserName for info in result.HistoryData.ModificationInfos] == ["engineer"]


async def test_what_is_changed_is_told_of_a_client_that_has_gone_meanwhile(
    serving: Serving, folder: Path, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_begun, change = threading.Event(), HistoryUpdater._all

    def slowly(*asked: Any) -> Any:
        has_begun.set()
        time.sleep(0.3)
        return change(*asked)

    monkeypatch.setattr(HistoryUpdater, "_all", slowly)
    async with serving(off_loopback(folder), folder) as endpoint:
        async with login(endpoint, folder, "engineer") as other:
            now = ticks_of(await value(other, "Plant.Simulation.Time"))
        details = ua.UpdateDataDetails(SP, HOW.Insert, [data(now - 1000 + place, 320.0) for place in range(1000)])
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with login(endpoint, folder, "engineer") as gone:
                asking = asyncio.create_task(update(gone, details))
                assert await asyncio.to_thread(has_begun.wait, 10)
                gone.uaclient.protocol.transport.abort()
                await asyncio.gather(asking, return_exceptions=True)
        (line,) = await eventually(lambda: trail("AuditHistoryValueUpdateEventType"))
    assert (line["user"], line["status"]) == ("engineer", "GoodEntryInserted")
