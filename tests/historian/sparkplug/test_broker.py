"""An edge node, the real broker and a host behind it, with the broker killed and connections cut."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.components.nats import Nats
from historian.sparkplug.payload import DataType, Metric, encode
from plant import quality
from plant.sample import Sample
from runtime.mqtt_link import MqttLink, connected, keep_connected
from runtime.ports import free_port


class Broker:
    """The embedded broker, which a test may kill and start again."""

    def __init__(self, data: Path) -> None:
        self.nats = Nats(data, free_port(), free_port())
        self._child: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        await self.nats.prepare()
        spec = self.nats.spec()
        self._child = await asyncio.create_subprocess_exec(*spec.argv, cwd=spec.cwd, stderr=subprocess.DEVNULL)
        await self.nats.wait_ready(20)

    async def kill(self) -> None:
        if self._child is not None and self._child.returncode is None:
            self._child.kill()
            await self._child.wait()


class Relay:
    """Between an edge node and its broker; `cut` ends what goes through it without a goodbye.

    While it is not open, the node waits: a host that is back later than the node would miss what has QoS 0.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._writers: list[asyncio.StreamWriter] = []
        self.is_open = True

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if not self.is_open:
                raise ConnectionRefusedError
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers += [writer, there_writer]
            await asyncio.gather(_carry(reader, there_writer), _carry(there_reader, writer))
        writer.transport.abort()

    def url(self, broker: str) -> str:
        """Return where an edge node finds the broker behind it."""
        return broker.replace(f":{self._target}", f":{self.port}")

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(65_536):
            sink.write(piece)
    sink.transport.abort()


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    broker = Broker(tmp_path / "broker")
    await broker.start()
    yield broker
    await broker.kill()


@contextlib.asynccontextmanager
async def running(*works) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in reversed(tasks):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Listening:
    """A host's session."""

    def __init__(self, host) -> None:
        self._host = host
        self.is_there = asyncio.Event()

    async def run(self, url: str) -> None:
        async def listen(link: MqttLink) -> None:
            await link.subscribe(["spBv1.0/main/+/cstr-gateway", "spBv1.0/main/+/cstr-gateway/+"])
            self.is_there.set()
            try:
                async for message in link.messages():
                    assert not message.retained
                    if message.topic.split("/")[2] not in ("NCMD", "DCMD"):
                        self._host.take(message.topic, message.payload)
            finally:
                self.is_there.clear()

        await keep_connected(url, "host", listen)


async def feed(edge, server, first: int, last: int) -> None:
    """Store samples for some seconds of plant time, two blocks each."""
    for second in range(first, last):
        status = quality.BAD_NO_DATA if second % 7 == 3 else quality.GOOD
        value = None if status else second / 3
        await edge.fill(Sample(server.at(second), "R101.T", value, status))
        await edge.fill(
            Sample(server.at(second), "Plant.State", f"{second}"), Sample(server.at(second), "R101.TIC101.SP", 1.0)
        )
        await asyncio.sleep(0.002)


def is_all_sent(edge) -> bool:
    return edge.plant.store.outbox.waiting.samples == 0


async def test_over_a_broker_killed_and_back_a_host_has_what_the_store_has(edge, host, server, broker: Broker) -> None:
    relay, listening = Relay(broker.nats.port), Listening(host)
    url = broker.nats.url
    async with (
        await asyncio.start_server(relay.accept, "127.0.0.1", relay.port),
        running(listening.run(url)),
    ):
        await asyncio.wait_for(listening.is_there.wait(), 10)
        await edge.sparkplug.source_is_there(edge.infos)
        async with running(edge.sparkplug.run(relay.url(url))):
            await feed(edge, server, 0, 300)
            await host.until(lambda: is_all_sent(edge) and set(host.samples) == edge.stored())
            assert sum(host.samples.values()) > 0.9 * len(host.samples)
            relay.is_open = False
            await broker.kill()
            await host.until(lambda: not listening.is_there.is_set())
            await feed(edge, server, 300, 400)
            gap = {("R101/T", server.at(second) // 10_000 - 11_644_473_600_000) for second in range(300, 399)}
            await broker.start()
            await asyncio.wait_for(listening.is_there.wait(), 20)
            relay.is_open = True
            await host.until(lambda: is_all_sent(edge) and set(host.samples) == edge.stored(), 40)
            assert len({key[:2] for key, present in host.samples.items() if not present} & gap) == len(gap)
            await feed(edge, server, 400, 450)
            await host.until(lambda: is_all_sent(edge) and set(host.samples) == edge.stored())
            assert host.bdseq == 1
        await host.until(lambda: host.deaths[-1:] == [1])
        relay.cut()


async def test_without_goodbye_there_is_a_will_with_the_births_number(edge, host, server, broker: Broker) -> None:
    relay, listening = Relay(broker.nats.port), Listening(host)
    await edge.sparkplug.source_is_there(edge.infos)
    async with (
        await asyncio.start_server(relay.accept, "127.0.0.1", relay.port),
        running(listening.run(broker.nats.url)),
    ):
        await asyncio.wait_for(listening.is_there.wait(), 10)
        async with running(edge.sparkplug.run(relay.url(broker.nats.url))):
            for session in range(3):
                await host.until(lambda: host.bdseq == session and "R101" in host.devices)  # noqa: B023
                await feed(edge, server, 10 * session, 10 * session + 10)
                await host.until(lambda: is_all_sent(edge))
                assert host.deaths == list(range(session))
                if session < 2:
                    relay.cut()
                    await host.until(lambda: len(host.deaths) > session)  # noqa: B023
        relay.cut()
        await host.until(lambda: len(host.deaths) > 2)
    assert host.deaths == [0, 1, 2]


async def test_a_host_asks_for_births_and_writes_a_setpoint(edge, host, server, broker: Broker) -> None:
    listening = Listening(host)
    url = broker.nats.url
    await edge.sparkplug.source_is_there(edge.infos)
    async with running(listening.run(url)):
        await asyncio.wait_for(listening.is_there.wait(), 10)
        async with running(edge.sparkplug.run(url)), connected(url, "operator") as operator:
            await host.until(lambda: "R101" in host.devices)
            rebirth = encode([Metric(DataType.BOOLEAN, True, "Node Control/Rebirth")], 1, None)
            await operator.send("spBv1.0/main/NCMD/cstr-gateway", rebirth)
            await host.until(lambda: host.heard.count("DBIRTH/Plant") == 2)
            assert host.heard.count("NBIRTH") == 2
            assert host.bdseq == 0
            (alias,) = [alias for alias, each in host.devices["R101"].items() if each["name"] == "TIC101/SP"]
            setpoint = encode([Metric(DataType.DOUBLE, 351.0, alias=alias)], 1, None)
            await operator.send("spBv1.0/main/DCMD/cstr-gateway/R101", setpoint)
            await host.until(lambda: edge.written)
        await host.until(lambda: host.deaths)
    assert edge.written == [("R101.TIC101.SP", 351.0)]
    assert host.deaths[0] == 0
