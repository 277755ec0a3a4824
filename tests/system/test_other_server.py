"""`up` beside another vendor's server: its nodes are stored, published and asked for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from gateway.history import History, open_history
from plant.clock import TICKS_PER_SECOND
from plant.sample import Scalar
from runtime.mqtt_link import connected
from runtime.ports import free_port
from timeseries.answers import Answer

from .conftest import ROOT, Up, wait_until

S = TICKS_PER_SECOND
Row = tuple[int, Scalar | None, int]
SCRIPT = ROOT / "tests" / "historian" / "tank_server.js"
pytestmark = [pytest.mark.system, pytest.mark.component]


@pytest.fixture
def tank(component: Callable[[str], Path], tmp_path: Path) -> Iterator[str]:
    port = free_port()
    log = tmp_path / "tank.log"
    environment = {**os.environ, "NODE_PATH": str(component("node-opcua")), "HOME": str(tmp_path)}
    with log.open("wb") as output:
        process = subprocess.Popen(["node", str(SCRIPT), str(port)], env=environment, cwd=tmp_path, stdout=output)
    try:
        wait_until("the tank", lambda: b"ready" in log.read_bytes(), 60.0)
        yield f"opc.tcp://127.0.0.1:{port}/tank"
    finally:
        process.kill()
        process.wait()


def test_its_nodes_are_stored_published_written_and_asked_for(tank: str, tmp_path: Path) -> None:
    nodes = [
        {"node": "ns=1;s=Tank.Level", "name": "Tank.Level", "unit": "m"},
        {"node": "ns=1;s=Tank.Pump", "name": "Tank.Pump"},
        {"node": "ns=1;s=Tank.Setpoint", "name": "Tank.Setpoint", "write": [0.0, 5.0]},
    ]
    settings = {"server": {"url": tank}, "historian": {"nodes": nodes}}
    (tmp_path / "tank.yaml").write_text(yaml.safe_dump(settings))
    up = Up(tmp_path / "data", "--influxdb", "--config", str(tmp_path / "tank.yaml"))
    try:
        up.wait_ready()
        assert set(up.pids()) == {"historian", "mqtt", "influxdb", "telegraf"}
        wait_until(
            "a sample", lambda: up.counter("historian", "cstr_samples_stored", "signal").get("Tank.Level", 0) > 100
        )
        assert up.last("Tank.Level")["status"] in ("Good", "BadSensorFailure")
        levels = up.query("raw", "Tank.Level", "--start", "-1min")
        assert {row["status"] for row in levels} == {"Good", "BadSensorFailure"}
        assert all(float(row["value"]) >= 0.0 for row in levels if row["status"] == "Good")
        replies = asyncio.run(commanded(up, [("Tank.Setpoint", 2.5), ("Tank.Setpoint", 5.5), ("Tank.Level", 1.0)]))
        assert [reply["status"] for reply in replies] == ["Good", "BadOutOfRange", "BadNotWritable"]
        asyncio.run(sources_are_alike(up.data, ["store", "opcua", "influxdb"]))
        assert up.query("last", "Tank.Pump", "--source", "opcua")[0]["status"] == "Good"
        said = up.command("query", "raw", "Tank.Pump", "--source", "opcua", code=2)
        assert said == ""
        wait_until("the setpoint", lambda: float(up.last("Tank.Setpoint")["value"]) == 2.5)
    finally:
        code = up.end()
    assert code == 0, up.log.read_text()


async def sources_are_alike(data: Path, names: list[str]) -> None:
    """Ask several sources the same of what is some seconds old."""
    async with contextlib.AsyncExitStack() as stack:
        sources = [await stack.enter_async_context(open_history(name, data)) for name in names]
        end = min([await source.now() for source in sources]) - S
        for _ in range(300):
            if min([await source.now() for source in sources]) > end + 3 * S:
                break
            await asyncio.sleep(0.2)
        span = (end - 2 * S, end)
        times = [span[0] + place * S // 10 for place in range(20)]
        found = [await answers(source, span, times) for source in sources]
        assert all(found[0])
        assert all(each == found[0] for each in found[1:])


async def answers(source: History, span: tuple[int, int], times: list[int]) -> list[list[Row]]:
    raw = rows(*[page async for page in source.pages("Tank.Level", *span)])
    functions = ("TimeAverage", "Interpolative", "PercentBad", "Count")
    aggregates = [await source.aggregate("Tank.Level", *span, S // 2, function) for function in functions]
    return [raw, rows(await source.at("Tank.Level", times)), *map(rows, aggregates)]


def rows(*found: Answer) -> list[Row]:
    return [row for each in found for row in zip(each.times.tolist(), each.plain, each.statuses.tolist(), strict=True)]


async def commanded(up: Up, commands: list[tuple[str, float]]) -> list[dict[str, object]]:
    """Send commands by MQTT; return the replies."""
    replies = []
    async with asyncio.timeout(30), connected(up.running["mqtt"]["url"], "commander") as link:
        await link.subscribe(["plant/main/Area1/Tank/reply"])
        messages = link.messages()
        for number, (signal, value) in enumerate(commands):
            command = {"id": number, "signal": signal, "value": value}
            await link.publish("plant/main/Area1/Tank/cmd", json.dumps(command).encode())
            replies.append(json.loads((await anext(messages)).payload))
    return replies
