"""Historian, broker, Telegraf and InfluxDB, all real: a backlog that its bucket is too short for keeps nothing back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from gateway.components.influxdb import InfluxDB
from gateway.components.nats import Nats
from gateway.components.telegraf import Telegraf
from historian import confirmation, lanes
from historian.confirmation import Confirmation
from historian.influx import Influx
from historian.lanes import Shipment
from historian.metrics import Metrics
from historian.publisher import Publisher
from historian.store_thread import StoreThread
from plant.clock import TICKS_PER_SECOND, ticks_from_unix_ns
from runtime.health import Health
from runtime.mqtt_link import keep_connected
from runtime.ports import free_port
from runtime.settings import InfluxSettings, MqttSettings
from timeseries.columns import Columns
from timeseries.signals import SignalInfo
from timeseries.store import Store

HOUR_S = 3600
OLD, EDGE, LIVE, PER_BLOCK = 6000, 20, 300, 10

pytestmark = [pytest.mark.component, pytest.mark.timeout(120)]


class Historian:
    """What of it is on the way from the outbox to InfluxDB."""

    def __init__(self, folder: Path, broker: Nats, influxdb: InfluxDB) -> None:
        self.health, self.registry = Health("historian"), CollectorRegistry()
        metrics = Metrics(self.registry)
        self.store, self.thread = Store(folder), StoreThread(self.health)
        self.store.declare([SignalInfo("V.T", "", 11), SignalInfo("W.T", "", 11)])
        self.store.outbox.begin()
        where = {"url": influxdb.url, "token_file": str(influxdb.token_file)}
        self.influx = Influx(InfluxSettings.model_validate(where), "main")
        self._broker = broker
        self._publisher = Publisher(self.store, self.thread, metrics, MqttSettings(), broker_confirms=False)
        self._confirmation = Confirmation(self.influx, self._publisher, metrics, self.health)

    async def put(self, signal: str, ages_s: np.ndarray) -> None:
        """Store samples of so many seconds ago."""
        now = ticks_from_unix_ns(time.time_ns())
        times = now - (ages_s * TICKS_PER_SECOND).astype(np.int64)
        for start in range(0, len(times), PER_BLOCK):
            some = times[start : start + PER_BLOCK]
            words = np.arange(float(len(some))).view(np.int64)
            number = self.store.numbers([signal])[0]
            await self.thread.do(self.store.append, Columns.of(len(some), signals=number, times=some, words=words))
        self._publisher.wake()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_connected(self._broker.url, "historian", self._publisher.run))
            group.create_task(self._confirmation.run())

    async def until_nothing_waits(self) -> set[str]:
        """Return what was told of as wrong meanwhile."""
        told = set()
        async with asyncio.timeout(60):
            while self.store.outbox.waiting.samples:
                told.add(self.health.last_error)
                await asyncio.sleep(0.05)
        return told

    def total(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"cstr_{name}_total")

    async def there(self, reactor: str, samples: int) -> int:
        """Return how many InfluxDB has of the first."""
        now = ticks_from_unix_ns(time.time_ns())
        asked = Shipment((1, 1), (1, samples), (now - 5 * HOUR_S * TICKS_PER_SECOND, now))
        return (await asyncio.to_thread(self.influx.counts, [(reactor, asked)]))[0]

    def close(self) -> None:
        self.thread.end()
        self.store.close()


async def test_what_is_too_old_for_the_bucket_is_told_and_live_values_arrive(
    component: Callable[[str], Path],
    tmp_path: Path,
    serving,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    component("telegraf")
    component("influxd")
    monkeypatch.setattr(lanes, "ROOM", 2000)
    monkeypatch.setattr(lanes, "MOST_TOGETHER", 200)
    monkeypatch.setattr(confirmation, "PATIENCE_S", 2.0)
    broker = Nats(tmp_path, free_port(), free_port(), password="secret")
    influxdb = InfluxDB(tmp_path, free_port(), retention_s=HOUR_S)
    telegraf = Telegraf(tmp_path, broker.url, influxdb.url, influxdb.token_file)
    async with serving(broker), serving(influxdb), serving(telegraf):
        historian = Historian(tmp_path / "history", broker, influxdb)
        await historian.put("V.T", np.linspace(4 * HOUR_S, 2 * HOUR_S, OLD))
        await historian.put("V.T", np.resize([2 * HOUR_S, 60], EDGE) - np.arange(EDGE))
        await historian.put("V.T", np.linspace(50, 20, LIVE))
        await historian.put("W.T", np.linspace(50, 20, LIVE))
        running = asyncio.create_task(historian.run())
        try:
            told = await historian.until_nothing_waits()
            assert await historian.there("V", OLD + EDGE + LIVE) == EDGE // 2 + LIVE
            assert await historian.there("W", LIVE) == LIVE
            assert historian.total("outbox_dropped") == OLD + EDGE // 2
            assert historian.total("samples_confirmed") == EDGE // 2 + 2 * LIVE
            assert any("older than the bucket's retention of 1h0m0s" in text for text in told)
            assert caplog.text.count("V: InfluxDB refuses samples from") <= 2

            monkeypatch.setattr(confirmation, "PATIENCE_S", 1000.0)
            before = historian.total("samples_sent_again")
            await historian.put("V.T", np.linspace(10, 0, LIVE))
            await historian.until_nothing_waits()
            assert await historian.there("V", OLD + EDGE + 2 * LIVE) == EDGE // 2 + 2 * LIVE
            assert historian.total("samples_sent_again") == before
            assert not historian.health.last_error
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            historian.close()
