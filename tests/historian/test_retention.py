"""What is too old or too much goes, of the store and of its outbox; each signal's newest stays."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest

from historian import retention
from plant.sample import Sample
from runtime.settings import HistorianSettings
from timeseries import archive, keeping
from timeseries.packing import SAMPLE_BYTES
from timeseries.signals import SignalInfo
from timeseries.upkeep import Upkeep

HOURS = 48


@pytest.fixture
async def filled(plant, server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator:
    for name in ("LOOK_S", "TRIM_S"):
        monkeypatch.setattr(keeping, name, 0.01)
    monkeypatch.setattr(keeping, "BLOCKS", 1)
    monkeypatch.setattr(archive, "CHUNK", 60)
    plant.store.declare([SignalInfo("R101.T", "K", 11), SignalInfo("R101.TIC101.SP", "K", 11)])
    plant.store.outbox.begin()
    plant.put(Sample(server.at(0), "R101.TIC101.SP", 350.0))
    for hour in range(HOURS):
        plant.put(*(Sample(server.at(3600 * hour + 10 * n), "R101.T", hour + n / 361) for n in range(360)))
    return plant


async def trimmed(plant, settings: HistorianSettings, until: Callable[[], bool]) -> list[int]:
    """Keep the store to the settings until something is so, and return the hours of what is left then, and later."""
    keeping_it = asyncio.create_task(retention.keep_store(plant.path, plant.health, settings))
    async with asyncio.timeout(30):
        while not until():
            await asyncio.sleep(0.05)
            assert not keeping_it.done()
    await asyncio.sleep(0.3)
    left = plant.stored("R101.T")
    keeping_it.cancel()
    await asyncio.gather(keeping_it, return_exceptions=True)
    return [int(value) for value in left]


async def test_by_age(filled, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    half_a_day = 12 * 360
    settings = HistorianSettings(retention_days=0.5)
    left = await trimmed(filled, settings, lambda: len(filled.stored("R101.T")) <= half_a_day + 60)
    assert left == [hour for hour in range(35, HOURS) for _ in range(360)][-len(left) :]
    assert half_a_day <= len(left)
    assert filled.stored("R101.TIC101.SP") == [350.0]
    told = [text for text in caplog.messages if text.endswith("samples beyond the retention were deleted")]
    assert sum(int(text.split()[0]) for text in told) == HOURS * 360 - len(left)


async def test_by_size_whatever_waits_in_the_outbox(filled) -> None:
    upkeep = Upkeep(filled.path)
    upkeep.take_in()
    most = upkeep.size().kept // 2
    waiting = filled.store.outbox.waiting
    settings = HistorianSettings(retention_gb=most / 1e9)
    left = await trimmed(filled, settings, lambda: upkeep.size().kept <= most)
    assert 12 < min(left) < 36
    smallest = HistorianSettings(retention_gb=1e-9)
    assert set(await trimmed(filled, smallest, lambda: len(filled.stored("R101.T")) <= 60)) == {47}
    assert filled.stored("R101.TIC101.SP") == [350.0]
    assert filled.store.outbox.waiting == waiting
    upkeep.close()


async def test_the_outbox_keeps_to_its_share_and_drops_the_oldest(filled, monkeypatch) -> None:
    monkeypatch.setattr(retention, "BLOCKS_AT_ONCE", 3)
    monkeypatch.setattr(retention, "OUTBOX_EVERY_S", 0.0)
    before = filled.store.outbox.waiting.samples
    settings = HistorianSettings(retention_gb=before * SAMPLE_BYTES / 1e9)
    keeping = asyncio.create_task(retention.keep_outbox_small(filled.store, filled.thread, filled.metrics, settings))
    try:
        async with asyncio.timeout(30):
            while not filled.registry.get_sample_value("cstr_outbox_dropped_total"):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    assert 0.45 * before < filled.store.outbox.waiting.samples <= 0.5 * before
    left = [columns for _, columns in filled.store.outbox.oldest(1000)]
    assert filled.store.samples(left[-1])[-1].value == 47 + 359 / 361
    dropped = filled.registry.get_sample_value("cstr_outbox_dropped_total")
    assert dropped + sum(map(len, left)) == HOURS * 360 + 1
    assert len(filled.stored("R101.T")) == HOURS * 360


async def test_damage_is_found_and_told(filled, caplog: pytest.LogCaptureFixture) -> None:
    upkeep = Upkeep(filled.path)
    upkeep.take_in()
    made = upkeep.seal(2**62)
    upkeep.close()
    assert made is not None
    (filled.path / "segments" / made.file).write_bytes(b"garbage")
    keeping_it = asyncio.create_task(retention.keep_store(filled.path, filled.health, HistorianSettings()))
    async with asyncio.timeout(30):
        while not filled.health.last_error:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    keeping_it.cancel()
    await asyncio.gather(keeping_it, return_exceptions=True)
    assert f"{made.file}: its checksum is not that of the file that was written" in filled.health.last_error
    assert [record.levelname for record in caplog.records if "damaged" in record.message] == ["ERROR"]


async def test_the_end_waits_for_no_sealing(filled, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def seal(upkeep: Upkeep, before: int, tell: Callable[[], None]) -> None:
        begun.set()
        while True:
            tell()
            time.sleep(0.01)

    monkeypatch.setattr(Upkeep, "seal", seal)
    monkeypatch.setattr(keeping, "DAY", 1)
    keeping_it = asyncio.create_task(retention.keep_store(filled.path, filled.health, HistorianSettings()))
    assert await asyncio.to_thread(begun.wait, 30)
    keeping_it.cancel()
    _, still_running = await asyncio.wait({keeping_it}, timeout=10)
    assert not still_running
