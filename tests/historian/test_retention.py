"""What is too old or too much goes, in slices; each signal's newest stays."""

from __future__ import annotations

import asyncio

import pytest

from historian import retention
from plant.sample import Sample
from runtime.settings import HistorianSettings
from timeseries.store import SignalInfo

HOURS = 48


@pytest.fixture
def filled(plant, server):
    plant.store.declare([SignalInfo("R101.T", "K", 11), SignalInfo("R101.TIC101.SP", "K", 11)])
    plant.store.append([Sample(server.at(0), "R101.TIC101.SP", 350.0)])
    for hour in range(HOURS):
        plant.store.append([Sample(server.at(3600 * hour + 10 * n), "R101.T", float(hour)) for n in range(360)])
    return plant


async def test_by_age(filled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 100)
    deleted = await retention.trim(filled.store, filled.thread, HistorianSettings(retention_days=0.5))
    assert deleted == 36 * 360 - 1
    assert min(filled.stored("R101.T")) == 35.0
    assert filled.stored("R101.TIC101.SP") == [350.0]


async def test_by_size_whatever_waits_in_the_outbox(filled) -> None:
    waiting = filled.store.outbox.waiting
    most = filled.store.used_bytes() // 2
    assert waiting.bytes > most
    await retention.trim(filled.store, filled.thread, HistorianSettings(retention_gb=most / 1e9))
    assert most / 2 < filled.store.used_bytes() <= most
    assert 12 < min(filled.stored("R101.T")) < 36
    await retention.trim(filled.store, filled.thread, HistorianSettings(retention_gb=1e-9))
    assert (filled.stored("R101.T"), filled.stored("R101.TIC101.SP")) == ([47.0], [350.0])
    assert filled.store.outbox.waiting == waiting


async def test_the_outbox_keeps_to_its_share_and_drops_the_oldest(filled, monkeypatch) -> None:
    monkeypatch.setattr(retention, "ENTRIES_AT_ONCE", 3)
    monkeypatch.setattr(retention, "OUTBOX_EVERY_S", 0.0)
    before = filled.store.outbox.waiting
    settings = HistorianSettings(retention_gb=before.bytes / 1e9)
    keeping = asyncio.create_task(retention.keep_outbox_small(filled.store, filled.thread, filled.metrics, settings))
    try:
        async with asyncio.timeout(10):
            while not filled.registry.get_sample_value("cstr_outbox_dropped_total"):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    assert 0.48 * before.bytes < filled.store.outbox.waiting.bytes <= 0.5 * before.bytes
    left = filled.store.outbox.oldest(1000)
    assert left[-1].samples[-1].value == 47.0
    dropped = filled.registry.get_sample_value("cstr_outbox_dropped_total")
    assert dropped + sum(len(entry.samples) for entry in left) == 48 * 360 + 1
    assert len(filled.stored("R101.T")) == 48 * 360
