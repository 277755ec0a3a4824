"""The source may be any server: node-opcua's, with its own types, NodeIds and history."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncua import Server, ua

from plant import quality
from plant.clock import ticks_from_text
from runtime.errors import BadInput
from runtime.opcua_link.connect import connected
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.nodes import listed
from runtime.ports import free_port
from runtime.settings import NodeSettings
from timeseries.reader import Reader

from ..opcua_server.node import start

SCRIPT = Path(__file__).with_name("tank_server.js")
LEAVES = ("Level", "Count", "Valve", "Pump", "Name", "Setpoint")
Int32 = ua.VariantType.Int32
pytestmark = pytest.mark.component

Said = dict[str, list[tuple[int, float | None]]]


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Tank:
    """The server's process, and what it says that it has set."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.endpoint = f"opc.tcp://127.0.0.1:{port}/tank"
        self.namespace = self.why = ""
        self.said: Said = {"Level": [], "Count": [], "Valve": []}

    async def read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            first, *rest = line.decode().split() or [""]
            if first == "ready":
                self.namespace = rest[0]
            elif first in self.said:
                value = None if rest[1] == "null" else float(rest[1])
                self.said[first].append((ticks_from_text(rest[0]), value))
            elif first == "failed":
                self.why = line.decode()

    async def until(self, is_so: Callable[[], object]) -> None:
        await until(lambda: self.why or is_so())
        assert not self.why


@pytest.fixture
async def tank(component: Callable[[str], Path], tmp_path: Path) -> AsyncIterator[Tank]:
    port = free_port()
    process = await start(tmp_path, component("node-opcua"), str(SCRIPT), str(port))
    tank = Tank(process, port)
    reading = asyncio.create_task(tank.read())
    try:
        await tank.until(lambda: tank.namespace)
        yield tank
    finally:
        process.kill()
        await process.wait()
        await asyncio.gather(reading, return_exceptions=True)


def nodes(tank: Tank) -> list[NodeSettings]:
    """By namespace URI and by index, as people have them."""
    by_uri = [{"node": f"nsu={tank.namespace};s=Tank.{leaf}", "name": f"Tank.{leaf}"} for leaf in LEAVES[:4]]
    by_index = [{"node": f"ns=1;s=Tank.{leaf}", "name": f"Tank.{leaf}", "unit": "m"} for leaf in LEAVES[4:]]
    return [NodeSettings.model_validate(each) for each in (*by_uri, *by_index)]


@contextlib.asynccontextmanager
async def linked(tank: Tank, chosen: list[NodeSettings]) -> AsyncIterator[OpcuaLink]:
    async with connected(tank.endpoint, "test", find=listed({each.name: each.node for each in chosen})) as link:
        yield link


async def test_what_it_publishes_is_stored_and_what_was_missed_is_read_back(tank: Tank, plant) -> None:
    chosen = nodes(tank)
    for _ in range(2):
        async with linked(tank, chosen) as link:
            running = asyncio.create_task(link.run())
            collecting = asyncio.create_task(plant.collector(nodes=chosen).run(link))
            before = len(tank.said["Level"])
            await tank.until(lambda: len(tank.said["Level"]) > before + 100 and not plant.gaps())  # noqa: B023
            for task in (collecting, running):
                task.cancel()
            await asyncio.gather(collecting, running, return_exceptions=True)
        await asyncio.sleep(1.0)
    with contextlib.closing(Reader(plant.path)) as reader:
        kinds = {info.name: (info.data_type, info.unit, info.stepped) for info in reader.signals()}
        for leaf in ("Level", "Count"):
            found = reader.raw(f"Tank.{leaf}", 0, 2**62)
            said = [each for each in tank.said[leaf] if found[1].source_time <= each[0] <= found[-1].source_time]
            stored = [(each.source_time, each.value) for each in found if each.source_time >= said[0][0]]
            assert stored == said, leaf
        valve = reader.raw("Tank.Valve", 0, 2**62)[1:]
        first, last = valve[0].source_time, valve[-1].source_time
        states = [(0, quality.GOOD), (1, quality.UNCERTAIN_LAST_USABLE_VALUE), (2, quality.GOOD)]
        assert [(each.source_time, each.value, each.quality) for each in valve if each.source_time < last - 2] == [
            (time + behind, value, status)
            for time, value in tank.said["Valve"]
            for behind, status in states
            if first <= time < last - 2
        ]
        bad = [each for each in reader.raw("Tank.Level", 0, 2**62) if each.value is None]
        assert {quality.name_of(each.quality) for each in bad} == {"BadSensorFailure"}
        assert str(reader.raw("Tank.Name", 0, 2**62)[-1].value).startswith("tank ")
        assert type(reader.raw("Tank.Pump", 0, 2**62)[-1].value) is bool
    assert kinds == {
        "Tank.Level": (11, "", False),
        "Tank.Count": (5, "", True),
        "Tank.Valve": (11, "", False),
        "Tank.Pump": (1, "", True),
        "Tank.Name": (12, "m", True),
        "Tank.Setpoint": (11, "m", False),
    }
    assert plant.count("received") == plant.count("stored") + plant.count("rejected")


async def test_what_is_listed_wrongly_is_named(tank: Tank) -> None:
    for node, why in (
        ("ns=1;s=Tank.Lid", "BadNodeIdUnknown"),
        ("ns=1;s=Tank.Table", "is an array"),
        ("nsu=urn:elsewhere;s=Tank.Level", "no namespace urn:elsewhere"),
        ("Tank.Level", "allowed is a NodeId"),
    ):
        with pytest.raises(BadInput, match=why):
            async with linked(tank, [NodeSettings(node=node, name="Tank.X")]) as link:
                await link.variables()


async def test_values_are_written_in_their_own_type(tank: Tank) -> None:
    async with linked(tank, nodes(tank)) as link:
        assert await link.write({"Tank.Setpoint": 2.5}) == {"Tank.Setpoint": quality.GOOD}
        assert [each.value for each in await link.read(["Tank.Setpoint"])] == [2.5]
        assert await link.write({"Tank.Count": 7.0}) == {"Tank.Count": quality.GOOD}


@contextlib.asynccontextmanager
async def counting(port: int, ahead_s: float, said: list[int]) -> AsyncIterator[list[NodeSettings]]:
    """A server of asyncua's own, whose clock stands still for a second, and a device that may be ahead of it."""
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/counter")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    namespace = await server.register_namespace("urn:counter")
    node = await server.nodes.objects.add_variable(ua.NodeId("Count", namespace), "Count", ua.Variant(0, Int32))

    async def count() -> None:
        while True:
            said.append(len(said))
            time = datetime.now(UTC) + timedelta(seconds=ahead_s)
            await node.write_value(ua.DataValue(ua.Variant(said[-1], Int32), SourceTimestamp=time))
            await asyncio.sleep(0.02)

    async with server:
        await server.historize_node_data_change(node, period=None, count=100_000)
        counting = asyncio.create_task(count())
        yield [NodeSettings(node=f"ns={namespace};s=Count", name="Tank.Count")]
        counting.cancel()
        await asyncio.gather(counting, return_exceptions=True)


@pytest.mark.parametrize("ahead_s", [0.0, 3.0])
async def test_what_was_missed_is_read_back_whatever_the_servers_clock_says(plant, ahead_s: float) -> None:
    said: list[int] = []
    port = free_port()
    async with counting(port, ahead_s, said) as chosen:
        await asyncio.sleep(1.0)
        for _ in range(4):
            find = listed({each.name: each.node for each in chosen})
            async with connected(f"opc.tcp://127.0.0.1:{port}/counter", "test", find=find) as link:
                running = asyncio.create_task(link.run())
                collecting = asyncio.create_task(plant.collector(nodes=chosen).run(link))
                before = len(said)
                await until(lambda: len(said) >= before + 20 and not plant.gaps())  # noqa: B023
                for task in (collecting, running):
                    task.cancel()
                await asyncio.gather(collecting, running, return_exceptions=True)
            await asyncio.sleep(0.7)
    stored = plant.stored("Tank.Count")
    assert stored == list(range(len(stored)))
    assert len(stored) > 150
