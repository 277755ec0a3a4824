"""The retained status: is the historian there, and does anything come to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.components.nats import Nats
from historian import status
from historian.mqtt import Mqtt
from historian.status import OFFLINE, Source, Statuses, keep_status
from runtime.errors import LinkLost
from runtime.mqtt_link import Will, connected
from runtime.ports import free_port
from runtime.service import Context
from runtime.settings import Settings
from timeseries.signals import SignalInfo


class Broker:
    """Stands where the MQTT link would: keeps what is retained."""

    async def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        assert retain
        self.all[topic] = payload
        if topic == "plant/main/Area1/R101/status":
            self.retained.append(payload)

    def __init__(self) -> None:
        self.all: dict[str, bytes] = {}
        self.retained: list[bytes] = []
        self.is_cut = asyncio.Event()

    async def lost(self) -> None:
        await self.is_cut.wait()
        raise LinkLost("the connection is cut")

    async def keep_connected(
        self, url: str, client: str, work: Callable[[Broker], Awaitable[None]], *, will: Will
    ) -> None:
        assert will.payload == OFFLINE
        while True:
            with contextlib.suppress(LinkLost, ExceptionGroup):
                await work(self)
            self.is_cut.clear()
            self.retained.append(will.payload)


async def test_it_says_whether_the_source_is_there_and_since_when(monkeypatch: pytest.MonkeyPatch) -> None:
    broker, source = Broker(), Source()
    monkeypatch.setattr(status, "keep_connected", broker.keep_connected)
    keeping = asyncio.create_task(keep_status("mqtt://x", "R101", "main", source))
    for there in (True, True, False):
        await asyncio.sleep(0.01)
        source.is_now(there=there)
    await asyncio.sleep(0.01)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    said = [json.loads(payload) for payload in broker.retained]
    assert [each.get("source") for each in said] == ["lost", "connected", "lost", None]
    assert {each["state"] for each in said[:3]} == {"online"}
    assert said[0]["since"] < said[1]["since"] < said[2]["since"]
    assert broker.retained[-1] == OFFLINE


async def test_it_is_told_again_when_the_broker_has_told_the_will(monkeypatch: pytest.MonkeyPatch) -> None:
    broker, source = Broker(), Source()
    source.is_now(there=True)
    monkeypatch.setattr(status, "keep_connected", broker.keep_connected)
    keeping = asyncio.create_task(keep_status("mqtt://x", "R101", "main", source))
    await asyncio.sleep(0.01)
    broker.is_cut.set()
    await asyncio.sleep(0.01)
    assert [json.loads(payload)["state"] for payload in broker.retained[-2:]] == ["offline", "online"]
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_a_folder_that_the_server_has_is_online_and_one_that_it_has_no_more_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = Broker()
    monkeypatch.setattr(status, "keep_connected", broker.keep_connected)
    statuses = Statuses("mqtt://x", "main", Source(), ["R101", "R102"])
    keeping = asyncio.create_task(statuses.run())
    await asyncio.sleep(0.01)
    statuses.of(["R102", "R103"])
    await asyncio.sleep(0.01)
    states = {topic.split("/")[-2]: json.loads(payload)["state"] for topic, payload in broker.all.items()}
    assert states == {"R101": "offline", "R102": "online", "R103": "online"}
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert set(broker.all.values()) == {OFFLINE}


async def test_each_reactor_that_a_server_elsewhere_has_has_a_status(plant, tmp_path: Path) -> None:
    nats = Nats(tmp_path / "broker", free_port(), free_port())
    await nats.prepare()
    spec = nats.spec()
    broker = await asyncio.create_subprocess_exec(*spec.argv, cwd=spec.cwd, stderr=subprocess.DEVNULL)
    try:
        await nats.wait_ready(20)
        settings = Settings.model_validate({"server": {"url": "opc.tcp://elsewhere:4840"}, "mqtt": {"url": nats.url}})
        context = Context("historian", settings, tmp_path, plant.health, logging.getLogger("test"))
        mqtt = Mqtt(context, nats.url, plant.path, plant.store, plant.thread, plant.metrics)
        found: dict[str, str] = {}
        # Who subscribes while a retained message comes may get it neither way from this broker: so it is first.
        async with connected(nats.url, "reader") as link, asyncio.timeout(20):
            await link.subscribe(["plant/main/Area1/+/status"])
            running = asyncio.create_task(mqtt.run())
            try:
                await mqtt.declared([SignalInfo(f"R10{number}.T", "K", 11) for number in (1, 2, 3)])
                mqtt.subscribed()
                async for message in link.messages():
                    found[message.topic.split("/")[-2]] = json.loads(message.payload).get("source")
                    if found == dict.fromkeys(("R101", "R102", "R103"), "connected"):
                        break
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
    finally:
        broker.kill()
        await broker.wait()
