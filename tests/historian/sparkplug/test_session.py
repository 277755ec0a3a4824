"""An edge node over a link that fails where a test says: nothing is lost, and the present is no past."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Sequence

import pytest

from historian import pace
from historian.sparkplug import session
from historian.sparkplug.payload import DataType, Metric, encode
from plant import quality
from plant.sample import Sample
from runtime.errors import LinkLost
from runtime.mqtt_link import Message
from runtime.settings import MqttSettings
from timeseries.layout import LOG

NODE = "spBv1.0/main/{}/cstr-gateway"


class Link:
    """Stands where the MQTT link would; what is sent may or may not arrive when it dies before it is settled."""

    def __init__(self, host, dies_at: int | None = None, *, loses: int = 0) -> None:
        self._host, self._left, self._loses = host, dies_at, loses
        self._unsettled: list[tuple[str, bytes]] = []
        self.topics: list[str] = []
        self.dropped = 0
        self.commands: asyncio.Queue[Message] = asyncio.Queue()
        self.died = asyncio.Event()

    async def subscribe(self, topics: Sequence[str]) -> None:
        self.topics += topics

    async def messages(self) -> AsyncIterator[Message]:
        while True:
            yield await self.commands.get()

    def _live(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                if not self.died.is_set():
                    self.deliver(len(self._unsettled) - self._loses)
                self.died.set()
                raise LinkLost("the broker went away")

    def deliver(self, count: int) -> None:
        for topic, payload in self._unsettled[: max(0, count)]:
            self._host.take(topic, payload)
        self._unsettled.clear()

    async def send(self, topic: str, payload: bytes) -> None:
        self._live()
        self._unsettled.append((topic, payload))

    async def settle(self) -> None:
        self._live()
        self.deliver(len(self._unsettled))

    async def publish(self, topic: str, payload: bytes) -> None:
        self._live()
        self.deliver(len(self._unsettled))
        self._host.take(topic, payload)


@contextlib.asynccontextmanager
async def serving(edge, link: Link) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(edge.sparkplug.serve(link))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def at(server, second: float, value: float, name: str = "R101.T", status: int = quality.GOOD) -> Sample:
    return Sample(server.at(second), name, value, status)


async def test_from_births_and_data_a_host_has_what_the_store_has(edge, host, server) -> None:
    await edge.fill(at(server, 0, 1.0), at(server, 1, 2.0), at(server, 0, 350.0, "R101.TIC101.SP"))
    await edge.sparkplug.source_is_there(edge.infos)
    link = Link(host)
    async with serving(edge, link):
        await host.until(lambda: len(host.samples) == 3)
        await edge.fill(at(server, 2, 3.0), Sample(server.at(2), "Plant.State", "running"))
        await edge.fill(Sample(server.at(3), "R101.T", None, quality.BAD_NO_DATA))
        await edge.fill(at(server, 1.5, 2.5), historical=True)
        await host.until(lambda: len(host.samples) == 7)
        assert set(host.samples) == edge.stored()
    assert link.topics == [NODE.format("NCMD"), NODE.format("DCMD") + "/+"]
    assert host.heard[:3] == ["NBIRTH", "DBIRTH/R101", "DBIRTH/Plant"]
    assert host.heard[-1] == "NDEATH"
    assert host.deaths == [0]
    was_present = {(name, value) for (name, _, value, _), present in host.samples.items() if present}
    assert was_present == {
        ("R101/T", 2.0), ("R101/TIC101/SP", 350.0), ("R101/T", 3.0), ("R101/T", None), ("Plant/State", "running"),
    }  # fmt: skip


@pytest.mark.parametrize("loses", [0, 1, 3, 100])
@pytest.mark.parametrize("dies_at", [1, 2, 3, 4, 5, 6, 7, 9, 14])
async def test_wherever_the_broker_goes_away_nothing_is_lost(edge, host, server, dies_at: int, loses: int) -> None:
    await edge.sparkplug.source_is_there(edge.infos)
    link = Link(host, dies_at, loses=loses)
    async with serving(edge, link) as task:
        for second in range(10):
            await edge.fill(at(server, second, float(second)), Sample(server.at(second), "Plant.State", f"{second}"))
            await asyncio.sleep(0.006)
        await asyncio.wait([task], timeout=1)
    await edge.fill(at(server, 20, 20.0))
    assert edge.plant.store.outbox.waiting.samples > 0  # held, though InfluxDB has it
    async with serving(edge, Link(host)):
        await host.until(lambda: set(host.samples) == edge.stored())
        assert host.devices["R101"][1]["value"] == 20.0
        await host.until(lambda: edge.plant.store.outbox.waiting.samples == 0)
    assert host.bdseq is None


async def test_what_came_while_the_broker_was_away_is_the_past_but_for_the_newest(edge, host, server) -> None:
    await edge.sparkplug.source_is_there(edge.infos)
    async with serving(edge, Link(host)):
        await edge.fill(at(server, 0, 0.0))
        await host.until(lambda: host.samples)
    for second in (1, 2, 3):
        await edge.fill(at(server, second, float(second)))
    async with serving(edge, Link(host)):
        await host.until(lambda: len(host.samples) == 4)
        await edge.fill(at(server, 4, 4.0))
        await host.until(lambda: len(host.samples) == 5)
    present = sorted(value for (_, _, value, _), was in host.samples.items() if was)
    assert present == [0.0, 3.0, 4.0]
    assert host.deaths == [0, 1]


async def test_devices_die_with_their_source_and_are_born_with_it(edge, host, server) -> None:
    async with serving(edge, Link(host)):
        await asyncio.sleep(0.02)
        await edge.sparkplug.source_is_there(edge.infos)
        await edge.fill(at(server, 0, 1.0))
        edge.sparkplug.source_is_away()
        await host.until(lambda: "DDEATH/Plant" in host.heard or not host.devices)
        await asyncio.sleep(0.05)
        await edge.sparkplug.source_is_there(edge.infos[:2])
        await edge.fill(at(server, 1, 2.0))
        await host.until(lambda: len(host.samples) == 2)
    assert host.heard[:6] == ["NBIRTH", "DBIRTH/R101", "DBIRTH/Plant", "DDATA/R101", "DDEATH/R101", "DDEATH/Plant"]
    assert host.heard[6:] == ["DBIRTH/R101", "DDATA/R101", "NDEATH"]
    assert set(host.samples) == edge.stored()


async def test_a_rebirth_is_all_births_of_the_same_session(edge, host, server) -> None:
    await edge.sparkplug.source_is_there(edge.infos)
    link = Link(host)
    async with serving(edge, link):
        await edge.fill(at(server, 0, 1.0))
        await host.until(lambda: host.samples)
        for value in (False, True):
            command = encode([Metric(DataType.BOOLEAN, value, "Node Control/Rebirth")], 1, None)
            await link.commands.put(Message(NODE.format("NCMD"), command, retained=False))
        await edge.fill(at(server, 1, 2.0))
        await host.until(lambda: link.deliver(99) or (host.heard.count("NBIRTH") == 2 and len(host.samples) == 2))
        assert host.bdseq == 0
        assert host.heard.count("DBIRTH/R101") == 2
        assert host.devices["R101"][1]["value"] == 2.0
    assert host.deaths == [0]


async def test_a_device_command_is_written_by_the_rules_of_all_commands(edge, host, server, caplog) -> None:
    caplog.set_level("INFO")
    await edge.sparkplug.source_is_there(edge.infos)
    link = Link(host)
    where = NODE.format("DCMD") + "/R101"
    async with serving(edge, link):
        await edge.fill(at(server, 0, 1.0), at(server, 0, 350.0, "R101.TIC101.SP"))
        await host.until(lambda: len(host.samples) == 2)
        commands = [
            [Metric(DataType.DOUBLE, 351.5, alias=2), Metric(DataType.DOUBLE, 5.0, alias=1)],
            [Metric(DataType.DOUBLE, 352.0, "TIC101/SP"), Metric(DataType.DOUBLE, 1.0, "Nothing")],
            [Metric(DataType.STRING, "hot", alias=2), Metric(DataType.DOUBLE, None, alias=2)],
        ]
        await link.commands.put(Message(where, b"\xff\xff"))
        await link.commands.put(Message(where, encode(commands[0], 1, None), retained=True))
        for metrics in commands:
            await link.commands.put(Message(where, encode(metrics, 1, None)))
        await host.until(lambda: "'hot'" in caplog.text and link.commands.empty())
    assert edge.written == [("R101.TIC101.SP", 351.5), ("R101.TIC101.SP", 352.0)]
    assert f"Sparkplug/{where}: command: 'R101.T' = 5.0: BadNotWritable" in caplog.text
    assert "'hot': BadTypeMismatch" in caplog.text


async def test_after_a_restart_what_was_not_sent_is(edge, host, server) -> None:
    await edge.fill(at(server, 0, 0.0), at(server, 1, 1.0))
    edge.sparkplug = edge.made()
    await edge.sparkplug.source_is_there(edge.infos)
    async with serving(edge, Link(host)):
        await host.until(lambda: len(host.samples) == 2)
    edge.sparkplug = edge.made()
    await edge.sparkplug.source_is_there(edge.infos)
    async with serving(edge, Link(host)):
        await edge.fill(at(server, 2, 2.0))
        await host.until(lambda: len(host.samples) == 3 and edge.plant.store.outbox.waiting.samples == 0)
    assert host.deaths == [0, 1]


async def test_a_full_reading_is_followed_by_the_next_at_once(edge, host, server, monkeypatch) -> None:
    monkeypatch.setattr(pace, "EVERY_S", 5.0)
    monkeypatch.setattr(session, "READ_AT_ONCE", 10)
    await edge.sparkplug.source_is_there(edge.infos)
    for second in range(100):
        await edge.fill(at(server, second, float(second)))
    async with serving(edge, Link(host)):
        await host.until(lambda: set(host.samples) == edge.stored(), 4)


async def test_behind_a_damaged_block_all_is_sent_before_devices_die(edge, host, server, monkeypatch) -> None:
    await edge.sparkplug.source_is_there(edge.infos)
    link = Link(host)
    async with serving(edge, link):
        await edge.fill(at(server, 0, 0.0))
        await host.until(lambda: host.samples)
        monkeypatch.setattr(pace, "EVERY_S", 2.0)
        await edge.fill(at(server, 1, 1.0))
        await host.until(
            lambda: len(host.samples) == 2 and edge.plant.store.outbox.waiting.samples == 0
        )  # and now it pauses
        with contextlib.closing(sqlite3.connect(edge.plant.path / LOG.file)) as log:
            await edge.fill(at(server, 2, 2.0))
            log.execute("UPDATE block SET crc = crc + 1 WHERE id = (SELECT max(id) FROM block)")
            log.commit()
        monkeypatch.setattr(session, "READ_AT_ONCE", 1)
        await edge.fill(at(server, 3, 3.0))
        edge.sparkplug.source_is_away()
        await host.until(lambda: link.deliver(99) or "DDEATH/R101" in host.heard)
    assert [value for _, _, value, _ in host.samples] == [0.0, 1.0, 3.0]


def state(*, online: bool, timestamp: int) -> Message:
    return Message("spBv1.0/STATE/scada", json.dumps({"online": online, "timestamp": timestamp}).encode(), True)


async def test_a_host_that_the_broker_did_not_tell_of_is_asked_for_again(edge, host, monkeypatch) -> None:
    monkeypatch.setattr(session, "ASK_FOR_HOST_EVERY_S", 0.05)
    edge.settings = MqttSettings(sparkplug_host="scada")
    edge.sparkplug = edge.made()
    async with serving(edge, link := Link(host)):
        await host.until(lambda: link.topics[-2:] == ["spBv1.0/STATE/scada"] * 2)
        assert host.heard == []
        await link.commands.put(state(online=True, timestamp=7))
        await host.until(lambda: link.deliver(99) or host.heard == ["NBIRTH"])


async def test_without_its_primary_host_nothing_is_sent_and_nothing_lost(edge, host, server, caplog) -> None:
    edge.settings = MqttSettings(sparkplug_host="scada")
    edge.sparkplug = edge.made()
    await edge.sparkplug.source_is_there(edge.infos)
    link = Link(host)
    async with serving(edge, link):
        await edge.fill(at(server, 0, 1.0))
        for payload in (b"ONLINE", b'{"online": 1, "timestamp": 5}', b'{"online": true}', b"[]", b"\xff", b"[" * 3000):
            await link.commands.put(Message("spBv1.0/STATE/scada", payload))
        await link.commands.put(state(online=False, timestamp=5))
        await asyncio.sleep(0.05)
    assert caplog.text.count("is no STATE") == 6
    assert link.topics[2:] == ["spBv1.0/STATE/scada"]
    assert host.heard == []
    async with serving(edge, link := Link(host)) as session_:
        await link.commands.put(state(online=True, timestamp=7))
        await edge.fill(at(server, 1, 2.0))
        await host.until(lambda: set(host.samples) == edge.stored())
        await link.commands.put(state(online=False, timestamp=6))  # of a session that the host had before
        await edge.fill(at(server, 2, 3.0))
        await host.until(lambda: set(host.samples) == edge.stored() and not edge.plant.store.outbox.waiting.samples)
        await link.commands.put(state(online=False, timestamp=7))
        with pytest.raises(ExceptionGroup) as ended:
            await asyncio.wait_for(session_, 5)
        assert ended.group_contains(LinkLost, match="'scada' is offline")
    assert host.deaths == [0]
    await edge.fill(at(server, 3, 4.0))
    assert edge.plant.store.outbox.waiting.samples == 1
    async with serving(edge, link := Link(host)):
        await link.commands.put(state(online=True, timestamp=8))
        await host.until(lambda: set(host.samples) == edge.stored())
    assert host.deaths == [0, 1]


@pytest.mark.parametrize("is_there", [True, False])
async def test_what_was_dropped_is_told_by_the_next_births(edge, host, server, is_there: bool) -> None:
    await edge.fill(at(server, 0, 350.0, "R101.TIC101.SP"), at(server, 0, 1.0))
    await edge.sparkplug.source_is_there(edge.infos)
    async with contextlib.AsyncExitStack() as stack:
        link = Link(host)
        if is_there:
            await stack.enter_async_context(serving(edge, link))
        else:
            async with serving(edge, link):
                await host.until(lambda: link.deliver(99) or len(host.samples) == 2)
        await host.until(lambda: link.deliver(99) or len(host.samples) == 2)
        await edge.plant.thread.do(drop_before_it_is_sent, edge, at(server, 1, 380.0, "R101.TIC101.SP"))
        edge.sparkplug.dropped(edge.plant.store.outbox.newest())
        if not is_there:
            await stack.enter_async_context(serving(edge, link := Link(host)))
        await host.until(lambda: link.deliver(99) or host.heard.count("DBIRTH/R101") == 2)
        assert host.devices["R101"][2]["value"] == 380.0
        await edge.fill(at(server, 2, 2.0))
        await host.until(lambda: host.devices["R101"][1]["value"] == 2.0)
    assert host.heard.count("NBIRTH") == (1 if is_there else 2)


def drop_before_it_is_sent(edge, sample: Sample) -> None:
    edge.plant.put(sample)
    edge.plant.store.outbox.drop_oldest(0, 100)


async def test_dropping_what_was_sent_changes_nothing(edge, host, server) -> None:
    await edge.sparkplug.source_is_there(edge.infos)
    async with serving(edge, Link(host)):
        await edge.fill(at(server, 0, 1.0))
        await host.until(lambda: host.samples and not edge.plant.store.outbox.waiting.samples)
        edge.sparkplug.dropped(edge.plant.store.outbox.newest())
        await edge.fill(at(server, 1, 2.0))
        await host.until(lambda: len(host.samples) == 2)
    assert host.heard.count("DBIRTH/R101") == 1
