"""The server's own history over kill -9: all that a subscriber has got is there, once, and what was changed is."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from asyncua import Client, ua

from plant.clock import UNIX_EPOCH_TICKS
from runtime.opcua_link.connect import connected
from runtime.opcua_link.filetime import FileTime, ticks_of
from runtime.opcua_link.values import Notification

from .event_history import Fields, field, history, listening, plant, say
from .server_process import ServerProcess

NAMES = ["R101.T", "R101.Ca", "R101.TIC101.SP", "R102.T", "R101.Detector.Cause"]
Got = dict[str, list[tuple[int, object, int]]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    (tmp_path / "log").touch()
    server = ServerProcess(tmp_path, goes_on=True, settings={"SERVER__LOCKSTEP": "false", "PLANT__SPEED": 5})
    yield server
    server.stop()
    assert "Traceback" not in server.log(), server.log()


async def test_what_was_published_is_there_after_kill_9(server: ServerProcess) -> None:
    chance = random.Random(6)
    got: Got = {name: [] for name in NAMES}

    async def take(data: Notification) -> None:
        for each in data.readings():
            if each.source_time:
                got[each.name].append((each.source_time, each.value, each.status))

    for _ in range(3):
        async with connected(server.endpoint(), "test") as link:
            running = asyncio.create_task(link.run())
            await link.subscribe(NAMES, take, publishing_s=0.05)
            await link.write({"R101.TIC101.SP": 340.0 + 10 * chance.random()})
            await asyncio.sleep(chance.uniform(0.5, 2.0))
            os.kill(server.pid, signal.SIGKILL)
            await asyncio.gather(running, return_exceptions=True)
        server.stop()
    async with connected(server.endpoint(), "test") as link:
        for name in NAMES:
            history = (await link.history(name, UNIX_EPOCH_TICKS, 2**61)).readings()
            recorded = [(each.source_time, each.value, each.status) for each in history]
            assert len(set(recorded)) == len(recorded)
            assert [time for time, *_ in recorded] == sorted(time for time, *_ in recorded)
            assert set(got[name]) <= set(recorded), name
            assert len(got[name]) > (10 if name.endswith((".T", ".Ca")) else 0)


async def test_what_was_changed_is_changed_after_kill_9(server: ServerProcess) -> None:
    chance = random.Random(7)
    node = ua.NodeId("R101.T", 2)
    for _ in range(3):
        async with Client(server.endpoint()) as client:
            await asyncio.sleep(0.3)
            now = ticks_of(await client.get_node("ns=2;s=Plant.Simulation.Time").read_value())
            values = [ua.DataValue(ua.Variant(1.0), SourceTimestamp=FileTime.of(now - each)) for each in range(1, 50)]
            details = ua.UpdateDataDetails(node, ua.PerformUpdateType.Update, values)
            (result,) = await client.uaclient.history_update(ua.HistoryUpdateParameters([details]))
            assert {code.name for code in result.OperationResults} <= {"GoodEntryInserted", "GoodEntryReplaced"}
            rest = ua.DeleteAtTimeDetails(node, [value.SourceTimestamp for value in values])
            last = asyncio.create_task(client.uaclient.history_update(ua.HistoryUpdateParameters([rest])))
            await asyncio.sleep(chance.uniform(0.0, 0.02))
            os.kill(server.pid, signal.SIGKILL)
            await asyncio.gather(last, return_exceptions=True)
        server.stop()
        async with Client(server.endpoint()) as client:
            raw = await _read(client, node, now - 50, now)
            changed = await _read(client, node, now - 50, now, modified=True)
            assert len(raw) in (0, 49), "all of a call or nothing"
            assert len(changed) == 49
            assert {value.Value.Value for value in raw} <= {1.0}


async def _read(client: Client, node: ua.NodeId, start: int, end: int, *, modified: bool = False) -> list[ua.DataValue]:
    details = ua.ReadRawModifiedDetails(modified, FileTime.of(start), FileTime.of(end), 0, False)
    nodes = [ua.HistoryReadValueId(NodeId=node)]
    params = ua.HistoryReadParameters(details, ua.TimestampsToReturn.Both, False, nodes)
    (result,) = await client.uaclient.history_read(params)
    return list(result.HistoryData.DataValues) if result.HistoryData is not None else []


async def test_events_that_were_told_are_there_after_kill_9_and_begin_once(server: ServerProcess) -> None:
    chance = random.Random(8)
    told: list[Fields] = []
    for _ in range(3):
        client = Client(server.endpoint())
        await client.connect()
        async with listening(client, plant=plant("Plant"), is_left=True) as listener:
            for number in range(chance.randrange(5, 20)):
                for reactor in ("R101", "R102"):
                    await say(client, reactor, anomaly=chance.random() < 0.5, cause=f"cause {number}")
            await listener.until("plant", 3)
            last = asyncio.create_task(say(client, "R101", anomaly=True))
            await asyncio.sleep(chance.uniform(0.0, 0.06))
            os.kill(server.pid, signal.SIGKILL)
            await asyncio.gather(last, return_exceptions=True)
            told += listener.heard["plant"]
        server.stop()
        await asyncio.gather(client.disconnect(), return_exceptions=True)
        async with Client(server.endpoint()) as client:
            recorded = await history(client, plant("Plant"))
            assert [field(each, "Time") for each in recorded] == sorted(field(each, "Time") for each in recorded)
            for reactor in ("R101", "R102"):
                mine = [each for each in recorded if field(each, "Reactor") == reactor]
                heard = [each for each in told if field(each, "Reactor") == reactor]
                assert [each for each in mine if each in heard] == heard
                active = [field(each, "Active") for each in mine]
                assert active == [number % 2 == 0 for number in range(len(active))]
    assert len(told) > 10
