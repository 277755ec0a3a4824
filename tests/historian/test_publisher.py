"""From the outbox to a broker that fails, and InfluxDB behind it: everything arrives, in order, and is let go then."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Sequence

import pytest

from historian import confirmation, json_publisher, lanes, pace
from historian import publisher as publishing
from historian.confirmation import Confirmation
from historian.influx import State, Unanswered
from historian.json_publisher import JSON, JsonPublisher
from historian.lanes import Shipment
from historian.messages.size import LONGEST_TEXT, MOST_BYTES, MOST_SAMPLES
from historian.publisher import Publisher
from plant.sample import Sample
from runtime.errors import LinkLost
from runtime.settings import MqttSettings
from timeseries.outbox import PUBLISHER
from timeseries.signals import SignalInfo

NAMES = ("R101.T", "R101.Ca", "R102.T")


class Broker:
    """Acknowledges, or goes away at the messages that a test says."""

    def __init__(self, dies_at: Sequence[int] = ()) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.dies_at = set(dies_at)
        self.is_away = False
        self._count = 0

    async def publish(self, topic: str, payload: bytes) -> None:
        self._count += 1
        self.is_away |= self._count in self.dies_at
        if self.is_away:
            raise LinkLost("the broker went away")
        self.messages.append((topic, payload))

    def seqs(self, reactor: str) -> list[int]:
        lines = [payload.decode() for topic, payload in self.messages if topic == f"plant/main/Area1/{reactor}/lp"]
        return [int(seq) for text in lines for seq in re.findall(r"seq=(\d+)i", text)]


class Influx:
    """Has what a broker delivered to it, but for what it is told to lose; answers unless it is down."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._seen = 0
        self.there: dict[str, set[int]] = {"R101": set(), "R102": set()}
        self.loses: set[int] = set()
        """Numbers that are lost the first time."""
        self.is_cut_off = False
        """Without Telegraf."""
        self.refuses: set[int] = set()
        self.in_memory: set[int] = set()
        """Numbers that are not on its disk, or will not be."""
        self.is_down = False
        self.is_full = False
        self.refused = 0
        self.writes = 0
        self.looked = 0
        self._starts = 0

    def state(self) -> State:
        self.looked += 1
        if self.is_down:
            raise Unanswered("InfluxDB is down")
        return State(f"start {self._starts}", self.refused)

    def write(self, messages: Sequence[bytes]) -> str:
        self.writes += 1
        if self.is_full:
            self.refused += 1
            raise Unanswered("InfluxDB is full")
        written = re.findall(r"reactor=(\w+),[^ ]* .*seq=(\d+)i", b"\n".join(messages).decode())
        taken = [(reactor, seq) for reactor, text in written if (seq := int(text)) not in self.refuses]
        for reactor, seq in taken:
            self.there[reactor].add(seq)
            self.in_memory -= {seq} if reactor == "R101" else set()
        return "" if len(taken) == len(written) else "422 too old"

    def kill(self) -> None:
        """Start anew, with what was on the disk."""
        self._starts, self.refused = self._starts + 1, 0
        for there in self.there.values():
            there -= self.in_memory
        self.in_memory = set()

    def counts(self, ranges: Sequence[tuple[str, Shipment]]) -> list[int]:
        self._take()
        return [
            len([seq for seq in self.there[reactor] if each.seqs[0] <= seq <= each.seqs[1]]) for reactor, each in ranges
        ]

    def _take(self) -> None:
        for topic, payload in self._broker.messages[self._seen :]:
            if topic.endswith("/lp"):
                for seq in map(int, re.findall(r"seq=(\d+)i", payload.decode())):
                    if self.is_cut_off:
                        continue
                    if seq in self.loses:
                        self.loses.discard(seq)
                    elif seq not in self.refuses:
                        self.there[topic.split("/")[3]].add(seq)
        self._seen = len(self._broker.messages)

    def close(self) -> None:
        """Nothing."""


@pytest.fixture
def outbox(plant):
    plant.store.declare([SignalInfo(name, "", 11) for name in NAMES])
    plant.store.outbox.begin()
    return plant


def fill(plant, server, count: int, *, start: int = 0, historical: bool = False) -> None:
    for second in range(start, start + count):
        samples = [Sample(server.at(second), name, second / 7) for name in NAMES]
        plant.store.append(plant.store.columns(samples), historical=historical)


def publisher(plant, *, broker_confirms: bool) -> Publisher:
    return Publisher(plant.store, plant.thread, plant.metrics, MqttSettings(), broker_confirms=broker_confirms)


async def publish(each: Publisher | JsonPublisher, broker: Broker, until) -> None:
    """Run over links that are made again, until something is so."""

    async def keep() -> None:
        while True:
            broker.is_away = False
            try:
                await each.run(broker)  # type: ignore[arg-type]
            except LinkLost:
                await asyncio.sleep(0)

    running = asyncio.create_task(keep())
    try:
        async with asyncio.timeout(20):
            while not until():  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_whenever_the_broker_goes_away_all_arrives_in_order(outbox, server) -> None:
    fill(outbox, server, 200)
    broker = Broker(random.Random(3).sample(range(1, 900), 40))
    await publish(publisher(outbox, broker_confirms=True), broker, lambda: not outbox.store.outbox.waiting.blocks)
    for reactor, count in (("R101", 400), ("R102", 200)):
        first_time = list(dict.fromkeys(broker.seqs(reactor)))
        assert first_time == list(range(1, count + 1))
    assert outbox.store.outbox.blocks(0) == []


async def test_a_long_block_goes_in_messages_that_telegraf_has_room_for(outbox, server) -> None:
    samples = [Sample(server.at(second), "R101.T", 1.0) for second in range(2 * MOST_SAMPLES + 1)]
    outbox.store.append(outbox.store.columns(samples))
    broker = Broker()
    await publish(publisher(outbox, broker_confirms=True), broker, lambda: not outbox.store.outbox.waiting.blocks)
    sizes = [payload.count(b"\n") + 1 for topic, payload in broker.messages if topic.endswith("/lp")]
    assert sizes == [MOST_SAMPLES, MOST_SAMPLES, 1]


async def test_long_texts_go_in_messages_that_a_broker_takes(outbox, server) -> None:
    outbox.store.declare([SignalInfo("R101.Report", "", 12)])
    texts = [f"{number} " + 20_000 * "x" for number in range(300)]
    samples = [Sample(server.at(second), "R101.Report", text) for second, text in enumerate(texts)]
    outbox.store.append(outbox.store.columns(samples))
    broker = Broker()
    await publish(publisher(outbox, broker_confirms=True), broker, lambda: not outbox.store.outbox.waiting.blocks)
    sent = [payload for topic, payload in broker.messages if topic.endswith("/lp")]
    assert max(map(len, sent)) <= MOST_BYTES
    assert sum(payload.count(b"\n") + 1 for payload in sent) == 300


async def test_one_long_text_leaves_the_others_together(outbox, server) -> None:
    outbox.store.declare([SignalInfo("R101.Report", "", 12)])
    samples = [Sample(server.at(second), "R101.T", 1.0) for second in range(1000)]
    samples[700] = Sample(server.at(700), "R101.Report", LONGEST_TEXT * "x")
    outbox.store.append(outbox.store.columns(samples))
    broker = Broker()
    await publish(publisher(outbox, broker_confirms=True), broker, lambda: not outbox.store.outbox.waiting.blocks)
    sizes = [payload.count(b"\n") + 1 for topic, payload in broker.messages if topic.endswith("/lp")]
    assert sum(sizes) == 1000
    assert len(sizes) == 4


async def test_a_text_that_no_message_has_room_for_is_bad_in_messages_and_whole_in_the_store(outbox, server) -> None:
    outbox.store.declare([SignalInfo("R101.Report", "", 12)])
    texts = ["before", (LONGEST_TEXT + 1) * "\N{BELL}", "after"]
    samples = [Sample(server.at(second), "R101.Report", text) for second, text in enumerate(texts)]
    columns = outbox.store.append(outbox.store.columns(samples))
    outbox.store.outbox.begin((PUBLISHER, JSON))
    broker, each = Broker(), JsonPublisher(outbox.store, outbox.thread, "main")
    await publish(publisher(outbox, broker_confirms=True), broker, lambda: outbox.store.outbox.done(PUBLISHER))
    await publish(each, broker, lambda: not outbox.store.outbox.waiting.blocks)
    lines = next(payload for topic, payload in broker.messages if topic.endswith("/lp")).decode()
    assert re.findall(r'(?:s="(\w*)",)?q=(\d+)u', lines) == [("before", "0"), ("", str(0x80080000)), ("after", "0")]
    told = [json.loads(payload)["Payload"]["Report"] for topic, payload in broker.messages if "json" in topic]
    assert [field["Value"] for field in told] == ["before", None, "after"]
    assert told[1]["StatusCode"] == {"Code": 0x80080000, "Symbol": "BadEncodingLimitsExceeded"}
    assert outbox.store.values(columns) == texts


async def test_json_has_every_sample_in_order_whenever_the_broker_goes_away_and_holds_what_it_has_not(
    outbox, server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_publisher, "READ_AT_ONCE", 30)
    fill(outbox, server, 100)
    broker = Broker(random.Random(5).sample(range(1, 400), 10))
    outbox.store.outbox.begin((PUBLISHER, JSON))
    each = JsonPublisher(outbox.store, outbox.thread, "main")
    outbox.store.outbox.let_go(outbox.store.outbox.newest())
    assert outbox.store.outbox.waiting.samples == 300
    await publish(each, broker, lambda: not outbox.store.outbox.waiting.blocks)
    sent = [json.loads(payload) for topic, payload in broker.messages if topic.endswith("R101/json/T")]
    assert list(dict.fromkeys(each["SequenceNumber"] for each in sent)) == list(range(1, 200, 2))
    assert 300 <= len(broker.messages) < 2 * 300  # only what was not acknowledged all came twice


async def test_what_was_read_back_is_marked_in_json(outbox, server) -> None:
    fill(outbox, server, 1)
    fill(outbox, server, 1, start=1, historical=True)
    broker = Broker()
    outbox.store.outbox.begin((PUBLISHER, JSON))
    each = JsonPublisher(outbox.store, outbox.thread, "main")
    await publish(each, broker, lambda: len(broker.messages) == 6)
    marks = [json.loads(payload).get("Historical") for topic, payload in broker.messages if topic.endswith("json/T")]
    assert sorted(marks, key=bool) == [None, None, True, True]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmation, "EVERY_S", 0.001)
    monkeypatch.setattr(confirmation, "REST", 0.0)
    monkeypatch.setattr(confirmation, "AFTER_FAILURE_S", 0.001)
    monkeypatch.setattr(confirmation, "PATIENCE_S", 0.02)
    monkeypatch.setattr(lanes, "BELIEVED_AFTER_S", 0.1)
    monkeypatch.setattr(pace, "EVERY_S", 0.01)
    monkeypatch.setattr(publishing, "READ_AT_ONCE", 40)


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "ROOM", 20)
    monkeypatch.setattr(lanes, "MOST_TOGETHER", 10)


async def confirmed(outbox, influx: Influx, broker: Broker, until) -> Publisher:
    each = publisher(outbox, broker_confirms=False)
    asking = asyncio.create_task(
        Confirmation(influx, each, outbox.metrics, outbox.health).run()  # type: ignore[arg-type]
    )
    try:
        await publish(each, broker, until)
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    return each


@pytest.mark.usefixtures("impatient")
async def test_what_mqtt_has_not_brought_influxdb_in_time_is_written_to_it(outbox, server, caplog) -> None:
    caplog.set_level("INFO")
    fill(outbox, server, 100)
    broker = Broker(random.Random(4).sample(range(1, 300), 10))
    influx = Influx(broker)
    influx.loses = {3, 77, 78, 150}
    await confirmed(outbox, influx, broker, lambda: not outbox.store.outbox.waiting.blocks)
    assert influx.there == {"R101": set(range(1, 201)), "R102": set(range(1, 101))}
    assert outbox.count("confirmed") == 300
    assert outbox.count("sent_again") > 0
    assert "samples have not come to InfluxDB over MQTT; they are written to it from here" in caplog.text


@pytest.mark.usefixtures("impatient", "little_room")
async def test_without_telegraf_all_is_written_to_influxdb_and_that_is_said_once_until_it_is_back(
    outbox, server, caplog
) -> None:
    caplog.set_level("INFO")
    fill(outbox, server, 100)
    broker = Broker()
    influx = Influx(broker)

    def until() -> bool:
        influx.is_cut_off = len(influx.there["R101"]) < 150
        return not outbox.store.outbox.waiting.blocks

    await confirmed(outbox, influx, broker, until)
    assert influx.there == {"R101": set(range(1, 201)), "R102": set(range(1, 101))}
    said = [record.message for record in caplog.records if record.message.startswith("R101: ")]
    assert len(said) == 2
    assert said[-1] == "R101: all samples come to InfluxDB over MQTT again"
    assert "R101" not in outbox.health.last_error


@pytest.mark.usefixtures("impatient")
async def test_while_influxdb_is_down_everything_waits_and_that_is_said_once(outbox, server, caplog) -> None:
    caplog.set_level("INFO")
    fill(outbox, server, 20)
    broker = Broker()
    influx = Influx(broker)
    influx.is_down = True

    def until() -> bool:
        if influx.looked > 5:
            influx.is_down = False
        if influx.is_down:
            assert outbox.store.outbox.waiting.blocks == 20
        return not outbox.store.outbox.waiting.blocks

    await confirmed(outbox, influx, broker, until)
    said = [record.message for record in caplog.records if "InfluxDB" in record.message]
    assert [text.split(";")[0] for text in said] == ["InfluxDB is down", "InfluxDB tells again what it has"]
    assert outbox.health.as_json()["last_error"] == ""


@pytest.mark.usefixtures("impatient")
async def test_what_influxdb_had_in_memory_only_is_sent_again_when_it_was_killed(outbox, server, caplog) -> None:
    caplog.set_level("INFO")
    fill(outbox, server, 50)
    broker = Broker()
    influx = Influx(broker)
    influx.in_memory = {20, 21, 50, 99}
    is_killed = False

    def until() -> bool:
        nonlocal is_killed
        if not is_killed and influx.there["R101"] == set(range(1, 101)):
            assert outbox.store.outbox.waiting.blocks
            influx.kill()
            is_killed = True
        return not outbox.store.outbox.waiting.blocks

    await confirmed(outbox, influx, broker, until)
    assert influx.there == {"R101": set(range(1, 101)), "R102": set(range(1, 51))}
    assert outbox.count("confirmed") == 150
    assert "InfluxDB was started anew" in caplog.text


@pytest.mark.usefixtures("impatient")
async def test_what_influxdb_counts_after_it_could_not_write_is_written_to_it_again(outbox, server, caplog) -> None:
    fill(outbox, server, 50)
    broker = Broker()
    influx = Influx(broker)
    influx.in_memory = {20, 21, 50, 99}

    def until() -> bool:
        if not influx.refused and influx.there["R101"] == set(range(1, 101)):
            influx.refused, influx.is_full = 3, True
        if influx.is_full and influx.writes > 5:
            assert outbox.store.outbox.waiting.blocks
            influx.is_full = False
        return not outbox.store.outbox.waiting.blocks

    await confirmed(outbox, influx, broker, until)
    influx.kill()
    assert influx.there["R101"] == set(range(1, 101))
    assert outbox.count("confirmed") == 150
    assert [record.levelname for record in caplog.records if "is full" in record.message] == ["ERROR"]
    assert outbox.health.as_json()["last_error"] == ""


@pytest.mark.usefixtures("impatient")
async def test_what_was_sent_to_an_influxdb_that_could_not_write_before_the_historian_began_is_written_again(
    outbox, server
) -> None:
    fill(outbox, server, 50)
    broker = Broker()
    influx = Influx(broker)
    influx.refused, influx.in_memory = 1, {7}
    influx.there["R101"] = set(range(1, 101))
    await confirmed(outbox, influx, broker, lambda: not outbox.store.outbox.waiting.blocks)
    influx.kill()
    assert influx.there["R101"] == set(range(1, 101))


@pytest.mark.usefixtures("impatient", "little_room")
async def test_what_influxdb_refuses_is_told_and_keeps_nothing_back_however_much_it_is(outbox, server, caplog) -> None:
    fill(outbox, server, 60)
    broker, told = Broker(), set()
    influx = Influx(broker)
    influx.refuses = {5, *range(21, 101)}

    def until() -> bool:
        told.add(outbox.health.last_error)
        return not outbox.store.outbox.waiting.blocks

    await confirmed(outbox, influx, broker, until)
    assert set(range(1, 121)) - influx.there["R101"] == influx.refuses
    dropped = outbox.registry.get_sample_value("cstr_outbox_dropped_total")
    assert dropped == len(influx.refuses) + len(influx.refuses & set(range(1, 61)))
    assert outbox.count("confirmed") == 180 - dropped
    assert "R101: InfluxDB refuses samples from 2026-11-22T04:00:0" in caplog.text
    assert "which are in the store only: 422 too old" in caplog.text
    assert any("InfluxDB refuses samples" in text for text in told)
    assert len(outbox.stored("R101.T")) == 60
