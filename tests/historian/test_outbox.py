"""What waits for the broker keeps to its share; what is dropped is stored all the same."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path

import pytest

from historian import outbox
from plant.clock import TICKS_PER_SECOND, ticks_from_unix_ns
from plant.sample import Sample
from runtime.settings import HistorianSettings
from timeseries.layout import LOG
from timeseries.outbox import PUBLISHER, Waiting
from timeseries.packing import SAMPLE_BYTES
from timeseries.signals import SignalInfo

HOURS = 48


@pytest.fixture
def filled(plant, server):
    plant.store.declare([SignalInfo("R101.T", "K", 11)])
    plant.store.outbox.begin((PUBLISHER, "other"))
    for hour in range(HOURS):
        plant.put(*(Sample(server.at(3600 * hour + 10 * n), "R101.T", hour + n / 361) for n in range(360)))
    return plant


def test_a_damaged_block_holds_up_nothing(plant, server) -> None:
    plant.store.declare([SignalInfo("R101.T", "K", 11)])
    plant.store.outbox.begin((PUBLISHER,))
    now = ticks_from_unix_ns(time.time_ns())
    for hours in (3, 2, 1):
        plant.put(Sample(server.at(-hours), "R101.T", 1.0, server_time=now - hours * 3600 * TICKS_PER_SECOND))
    assert outbox._age_s(plant.store.outbox) == pytest.approx(3 * 3600, abs=60)
    damage(plant.path, "id = 1")
    assert outbox._age_s(plant.store.outbox) == pytest.approx(2 * 3600, abs=60)
    damage(plant.path, "id > 1")
    assert outbox._age_s(plant.store.outbox) == 0.0


def damage(store: Path, which: str) -> None:
    with contextlib.closing(sqlite3.connect(store / LOG.file)) as log:
        log.execute(f"UPDATE block SET crc = crc + 1 WHERE {which}")
        log.commit()


async def test_the_outbox_keeps_to_its_share_and_drops_the_oldest(filled, monkeypatch) -> None:
    monkeypatch.setattr(outbox, "BLOCKS_AT_ONCE", 3)
    monkeypatch.setattr(outbox, "OUTBOX_EVERY_S", 0.0)
    before = filled.store.outbox.waiting.samples
    settings = HistorianSettings(retention_gb=before * SAMPLE_BYTES / 1e9)
    told: list[int] = []
    keeping = asyncio.create_task(
        outbox.keep_outbox_small(filled.store, filled.thread, filled.metrics, filled.health, settings, told.append)
    )
    try:
        async with asyncio.timeout(30):
            while not filled.registry.get_sample_value("cstr_outbox_dropped_total"):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    assert 0.45 * before < filled.store.outbox.waiting.samples <= 0.5 * before
    blocks = filled.store.outbox.blocks(0)
    assert told[-1] == blocks[0].number - 1
    left = [block.columns for block in blocks]
    assert filled.store.samples(left[-1])[-1].value == 47 + 359 / 361
    dropped = filled.registry.get_sample_value("cstr_outbox_dropped_total")
    assert dropped + sum(map(len, left)) == HOURS * 360
    assert len(filled.stored("R101.T")) == HOURS * 360


def test_what_another_reader_holds_waits_until_it_has_it_or_the_share_is_full(filled) -> None:
    outbox = filled.store.outbox
    newest, all_of_it = outbox.newest(), outbox.waiting.samples
    outbox.let_go(3, "other")
    outbox.let_go(newest)
    assert outbox.blocks(0)[0].number == 4
    assert outbox.waiting.samples == all_of_it - 3 * 360
    assert {name: left.samples for name, left in outbox.behind.items()} == {PUBLISHER: 0, "other": all_of_it - 3 * 360}
    outbox.let_go(5, "other")
    assert outbox.blocks(0)[0].number == 6
    through, _ = outbox.drop_oldest(0, 2)
    assert through == 7
    assert outbox.blocks(0)[0].number == 8
    outbox.let_go(newest, "other")
    assert outbox.behind == {PUBLISHER: Waiting(0, 0), "other": Waiting(0, 0)}
    assert outbox.blocks(0) == []
    assert outbox.waiting == type(outbox.waiting)(0, 0)


def test_a_publisher_that_is_not_done_keeps_what_another_reader_has(filled) -> None:
    outbox = filled.store.outbox
    outbox.let_go(outbox.newest(), "other")
    assert outbox.blocks(0)[0].number == 1
    outbox.let_go(2)
    assert outbox.blocks(0)[0].number == 3
