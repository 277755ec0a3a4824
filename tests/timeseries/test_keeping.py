"""A store is kept in order beside its writer: archived, within its age and size, its checksums looked at."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from timeseries import archive, keeping
from timeseries.keeping import Retention, keep
from timeseries.reader import Reader
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import put, sample, values

HOURS = 48
LOG = logging.getLogger("keeping")


@pytest.fixture
def filled(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name in ("LOOK_S", "TRIM_S"):
        monkeypatch.setattr(keeping, name, 0.01)
    monkeypatch.setattr(keeping, "BLOCKS", 1)
    monkeypatch.setattr(archive, "CHUNK", 60)
    store.declare([SignalInfo("R101.T", "K", 11), SignalInfo("R101.TIC101.SP", "K", 11)])
    put(store, sample("R101.TIC101.SP", 0, 350.0))
    for hour in range(HOURS):
        put(store, *(sample("R101.T", 3600 * hour + 10 * n, hour + n / 361) for n in range(360)))
    return store


async def kept(folder: Path, reader: Reader, retention: Retention, until: Callable[[], object]) -> list[int]:
    """Keep a store until something is so, and return the hours of what is left then, and later."""
    keeping_it = asyncio.create_task(keep(folder, retention, LOG, lambda what: None))
    async with asyncio.timeout(30):
        while not until():
            await asyncio.sleep(0.05)
            assert not keeping_it.done()
    await asyncio.sleep(0.3)
    keeping_it.cancel()
    await asyncio.gather(keeping_it, return_exceptions=True)
    return [int(value) for value in values(reader)]  # type: ignore[arg-type]


async def test_by_age(filled: Store, folder: Path, reader: Reader, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    half_a_day = 12 * 360
    left = await kept(folder, reader, Retention.of(0.5, 5), lambda: len(values(reader)) <= half_a_day + 60)
    assert left == [hour for hour in range(35, HOURS) for _ in range(360)][-len(left) :]
    assert half_a_day <= len(left)
    assert values(reader, "R101.TIC101.SP") == [350.0]
    told = [text for text in caplog.messages if text.endswith("samples beyond the retention were deleted")]
    assert sum(int(text.split()[0]) for text in told) == HOURS * 360 - len(left)


async def test_by_size_whatever_waits_in_the_outbox(
    filled: Store, folder: Path, upkeep: Upkeep, reader: Reader
) -> None:
    filled.outbox.begin()
    put(filled, sample("R101.T", 3600 * HOURS - 5, HOURS - 0.1))
    upkeep.take_in()
    most = upkeep.size().kept // 2
    waiting = filled.outbox.waiting
    left = await kept(folder, reader, Retention.of(100, most / 1e9), lambda: upkeep.size().kept <= most)
    assert 12 < min(left) < 36
    smallest = Retention.of(100, 1e-9)
    assert set(await kept(folder, reader, smallest, lambda: len(values(reader)) <= 60)) == {47}
    assert values(reader, "R101.TIC101.SP") == [350.0]
    assert filled.outbox.waiting == waiting


async def test_damage_is_found_and_told(
    filled: Store, folder: Path, upkeep: Upkeep, caplog: pytest.LogCaptureFixture
) -> None:
    troubles: list[str] = []
    upkeep.take_in()
    made = upkeep.seal(2**62)
    assert made is not None
    (folder / "segments" / made.file).write_bytes(b"garbage")
    keeping_it = asyncio.create_task(keep(folder, Retention.of(7, 5), LOG, troubles.append))
    async with asyncio.timeout(30):
        while not troubles:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    keeping_it.cancel()
    await asyncio.gather(keeping_it, return_exceptions=True)
    assert f"{made.file}: its checksum is not that of the file that was written" in troubles[0]
    assert [record.levelname for record in caplog.records if "damaged" in record.message] == ["ERROR"]


async def test_the_end_waits_for_no_sealing(filled: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def seal(upkeep: Upkeep, before: int, tell: Callable[[], None]) -> None:
        begun.set()
        while True:
            tell()
            time.sleep(0.01)

    monkeypatch.setattr(Upkeep, "seal", seal)
    monkeypatch.setattr(keeping, "DAY", 1)
    keeping_it = asyncio.create_task(keep(folder, Retention.of(7, 5), LOG, lambda what: None))
    assert await asyncio.to_thread(begun.wait, 30)
    keeping_it.cancel()
    _, still_running = await asyncio.wait({keeping_it}, timeout=10)
    assert not still_running
