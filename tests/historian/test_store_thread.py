"""What the store refuses is tried again; that is said once."""

from __future__ import annotations

import asyncio
import logging
import sqlite3

import pytest

from historian import store_thread
from historian.json_publisher import JSON, JsonPublisher
from historian.publisher import Publisher
from runtime.settings import MqttSettings
from timeseries.outbox import PUBLISHER
from timeseries.store import Store

SLOWEST_S = 0.001


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_thread, "FIRST_DELAY_S", SLOWEST_S)
    monkeypatch.setattr(store_thread, "LONGEST_DELAY_S", SLOWEST_S)


class FullDisk:
    """The first writes of a store fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, store: Store, *names: str, times: int = 3) -> None:
        self.left = dict.fromkeys(names, times)
        for name in names:
            holder = store if hasattr(store, name) else store.outbox
            monkeypatch.setattr(holder, name, self.refusing(name, getattr(holder, name)))

    def refusing(self, name: str, function):
        def run(*arguments, **options):
            if self.left[name]:
                self.left[name] -= 1
                raise sqlite3.OperationalError("database or disk is full")
            return function(*arguments, **options)

        return run


async def test_a_full_disk_ends_neither_collection_nor_publication(
    plant, server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    plant.store.outbox.begin((PUBLISHER, JSON))
    as_json = JsonPublisher(plant.store, plant.thread, "main")
    writes = ("declare", "open_gaps", "append", "close_gaps", "let_go")
    disk = FullDisk(monkeypatch, plant.store, *writes)
    server.live = [server.measure("R101.T", 350.0, 1)]
    sent: list[str] = []

    class Broker:
        async def publish(self, topic: str, payload: bytes) -> None:
            sent.append(topic)

    publisher = Publisher(plant.store, plant.thread, plant.metrics, MqttSettings(), broker_confirms=True)
    publishing = [asyncio.create_task(each.run(Broker())) for each in (publisher, as_json)]  # type: ignore[arg-type]
    try:
        works = lambda: not any(disk.left.values()) and not plant.gaps() and not plant.health.last_error  # noqa: E731
        async with plant.collecting(server, works):
            assert plant.stored("R101.T") == [350.0]
    finally:
        for task in publishing:
            task.cancel()
        await asyncio.gather(*publishing, return_exceptions=True)
    assert disk.left == dict.fromkeys(writes, 0)
    assert sorted(sent) == ["plant/main/Area1/R101/json/T", "plant/main/Area1/R101/lp"]
    refused = [record for record in caplog.records if "refuses" in record.message]
    recovered = [record for record in caplog.records if "works again" in record.message]
    assert 1 <= len(refused) == len(recovered) <= len(writes)
    assert plant.health.last_error == ""


async def test_only_what_was_refused_shows_that_the_store_works_again(plant, caplog) -> None:
    caplog.set_level(logging.INFO)
    full = True

    def write() -> None:
        if full:
            raise sqlite3.OperationalError("database or disk is full")

    writing = asyncio.create_task(plant.thread.do(write))
    async with asyncio.timeout(10):
        while not plant.health.last_error:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    for _ in range(3):
        await plant.thread.do(plant.store.newest_time)
    assert "store" in plant.health.as_json()["waiting_for"]
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await plant.thread.do(plant.store.newest_time)
    assert plant.health.last_error == "store: database or disk is full"
    full = False
    await plant.thread.do(write)
    assert plant.health.last_error == ""
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


async def test_a_long_refusal_is_said_once(plant, monkeypatch, caplog: pytest.LogCaptureFixture) -> None:
    FullDisk(monkeypatch, plant.store, "newest_time", times=20)
    assert await plant.thread.do(plant.store.newest_time) == 0
    assert [record.levelname for record in caplog.records] == ["ERROR"]
