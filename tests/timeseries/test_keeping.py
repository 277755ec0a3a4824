"""A store is kept in order beside its writer: archived, within its age and size, its checksums looked at."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plant.clock import datetime_from_ticks
from runtime.health import Health
from timeseries import archive, keeper, keeping, recovery
from timeseries.layout import ARCHIVE
from timeseries.reader import Reader
from timeseries.retention import Retention
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import T0, put, sample, values

HOURS = 48
LOG = logging.getLogger("keeping")
WEEK = Retention.of(7, 5)


@pytest.fixture
def filled(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name in ("LOOK_S", "TRIM_S"):
        monkeypatch.setattr(keeper, name, 0.01)
    monkeypatch.setattr(keeper, "BLOCKS", 1)
    monkeypatch.setattr(archive, "CHUNK", 60)
    store.declare([SignalInfo("R101.T", "K", 11), SignalInfo("R101.TIC101.SP", "K", 11)])
    put(store, sample("R101.TIC101.SP", 0, 350.0))
    for hour in range(HOURS):
        put(store, *(sample("R101.T", 3600 * hour + 10 * n, hour + n / 361) for n in range(360)))
    return store


@contextlib.contextmanager
def kept(folder: Path, retention: Retention, until: Callable[[list[dict[str, Any]]], object]) -> Iterator[list[Any]]:
    """Keep a store until something is so, and a moment longer; what the keeper says is given, if not all is well."""
    said: list[dict[str, Any]] = []
    is_ending = threading.Event()

    troubles: list[str] = []

    def say(**what: Any) -> None:
        if "trouble" in what:
            troubles.append(what["trouble"])
        if what != {"trouble": ""} or len(troubles) > 1:
            said.append(what)

    arguments = (folder, retention, say, is_ending)
    worker = threading.Thread(target=keeper.keep, args=arguments)
    worker.start()
    try:
        deadline = time.monotonic() + 30
        while not until(said):
            assert time.monotonic() < deadline
            assert worker.is_alive()
            time.sleep(0.05)
        time.sleep(0.3)
        yield said
    finally:
        is_ending.set()
        worker.join(10)
    assert not worker.is_alive()


def hours(reader: Reader) -> list[int]:
    return [int(value) for value in values(reader)]  # type: ignore[arg-type]


def test_by_age(filled: Store, folder: Path, reader: Reader) -> None:
    half_a_day = 12 * 360
    with kept(folder, Retention.of(0.5, 5), lambda said: len(values(reader)) <= half_a_day + 60) as said:
        left = hours(reader)
    assert left == [hour for hour in range(35, HOURS) for _ in range(360)][-len(left) :]
    assert half_a_day <= len(left)
    assert values(reader, "R101.TIC101.SP") == [350.0]
    assert sum(each.get("forgotten", 0) for each in said) == HOURS * 360 - len(left)


def test_a_sample_of_the_far_future_makes_no_other_old(
    filled: Store, folder: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "DAY", 2**55)
    ahead = time.time_ns() / 1e9 + 3650 * 86_400 - datetime_from_ticks(T0).timestamp()
    put(filled, sample("R101.TIC101.SP", ahead, 351.0))
    age = (time.time_ns() / 1e9 - datetime_from_ticks(T0).timestamp()) / 86_400 - 1
    with kept(folder, Retention.of(age, 5), lambda said: said) as said:
        assert 23 * 360 <= len(values(reader)) <= 25 * 360
    assert said[0]["forgotten"] > 0


def test_by_size_whatever_waits_in_the_outbox(filled: Store, folder: Path, upkeep: Upkeep, reader: Reader) -> None:
    filled.outbox.begin()
    put(filled, sample("R101.T", 3600 * HOURS - 5, HOURS - 0.1))
    upkeep.take_in()
    most = upkeep.size().kept // 2
    waiting = filled.outbox.waiting
    with kept(folder, Retention.of(100, most / 1e9), lambda said: upkeep.size().kept <= most):
        assert 12 < min(hours(reader)) < 36
    with kept(folder, Retention.of(100, 1e-9), lambda said: len(values(reader)) <= 60):
        assert set(hours(reader)) == {47}
    assert values(reader, "R101.TIC101.SP") == [350.0]
    assert filled.outbox.waiting == waiting


def test_damage_is_found(filled: Store, folder: Path, upkeep: Upkeep) -> None:
    upkeep.take_in()
    made = upkeep.seal(2**62)
    assert made is not None
    (folder / "segments" / made.file).write_bytes(b"garbage")
    with kept(folder, WEEK, lambda said: said) as said:
        assert f"{made.file}: its checksum is not that of the file that was written" in said[0]["damaged"][0]
        assert len(said) == 1


def test_damage_that_is_mended_is_said(
    filled: Store, folder: Path, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "SCRUB_AGAIN_S", 0.1)
    upkeep.take_in()
    made = upkeep.seal(2**62)
    assert made is not None
    path = folder / "segments" / made.file
    octets = path.read_bytes()
    path.write_bytes(b"garbage")

    def is_mended(said: list[dict[str, Any]]) -> bool:
        if said:
            path.write_bytes(octets)
        return len(said) == 2

    with kept(folder, WEEK, is_mended) as said:
        assert [each["parts"] for each in said] == [1, 0]


def failing(error: Exception, then: Callable[..., Any]) -> Callable[..., Any]:
    """Fail five times, and then work."""
    left = [5]

    def do(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise error
        return then(*arguments)

    return do


def test_what_cannot_be_done_is_said_once_and_tried_again(
    filled: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "RETRY_S", 0.01)
    monkeypatch.setattr(Upkeep, "take_in", failing(OSError(28, "No space left on device"), lambda upkeep: 0))
    with kept(folder, WEEK, lambda said: len(said) == 2) as said:
        assert said == [{"trouble": "[Errno 28] No space left on device"}, {"trouble": ""}]


def test_a_store_that_cannot_be_opened_is_said_once_and_tried_again(
    filled: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "RETRY_S", 0.01)
    full = sqlite3.OperationalError("database or disk is full")
    monkeypatch.setattr(recovery, "settle", failing(full, recovery.settle))
    with kept(folder, WEEK, lambda said: len(said) == 2) as said:
        assert said == [{"trouble": "database or disk is full"}, {"trouble": ""}]


def test_a_look_at_checksums_that_is_cut_short_is_begun_again(
    filled: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "RETRY_S", 0.01)
    monkeypatch.setattr(keeper, "SCRUB_AGAIN_S", 0.2)
    looks, taken = [0], []
    take_in = Upkeep.take_in
    monkeypatch.setattr(Upkeep, "take_in", lambda upkeep: taken.append(looks[0]) or take_in(upkeep))

    def damaged(upkeep: Upkeep, tell: Callable[[], None]) -> list[str]:
        looks[0] += 1
        if looks[0] == 1:
            raise sqlite3.OperationalError("database or disk is full")
        return ["chunk 7"]

    monkeypatch.setattr(Upkeep, "damaged", damaged)
    with kept(folder, WEEK, lambda said: len(said) == 3) as said:
        assert said[1:] == [{"trouble": ""}, {"damaged": ["chunk 7"], "parts": 1}]
    assert 1 in taken  # nothing else waits for the next look


def test_what_is_damaged_stays_where_it_is_and_a_day_is_one_file_all_the_same(
    filled: Store, folder: Path, upkeep: Upkeep
) -> None:
    upkeep.take_in()
    upkeep._archive.execute("UPDATE chunk SET crc = crc + 1 WHERE id = (SELECT id FROM chunk ORDER BY first LIMIT 1)")
    keeping_it = keeper._Keeper(folder, WEEK, threading.Event())
    for minute in range(60 * 20):
        put(filled, sample("R101.T", 3600 * HOURS + 60 * minute, 1.0))
        if minute % 10 == 0:
            upkeep.take_in()
            keeping_it._seal()
    keeping_it.close()
    assert len(list((folder / "segments").glob("*.parquet"))) == 1


def test_the_end_waits_for_no_sealing(filled: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def seal(upkeep: Upkeep, before: int, tell: Callable[[], None]) -> None:
        begun.set()
        while True:
            tell()
            time.sleep(0.01)

    monkeypatch.setattr(Upkeep, "seal", seal)
    monkeypatch.setattr(keeper, "DAY", 1)
    with kept(folder, WEEK, lambda said: begun.is_set()):
        pass


def children() -> list[int]:
    return _keepers_of(os.getpid())


def _argv(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_its_process_archives_and_is_begun_anew_when_it_dies(
    store: Store, folder: Path, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keeping, "AGAIN_S", 0.1)
    troubles: list[tuple[str, str]] = []
    telling = keeping.Telling(lambda *told: troubles.append(told))
    keeping_it = asyncio.create_task(keeping.keep(folder, WEEK, LOG, telling))
    await eventually(children)
    os.kill(children()[0], signal.SIGKILL)
    await eventually(lambda: len(troubles) == 2)
    assert troubles == [("archive", "archive: its upkeep ended with -9, and is begun anew"), ("archive", "")]
    assert "ended with -9" in caplog.text
    for place in range(100):
        put(store, sample("R101.T", place, 1.0))
    await eventually(lambda: upkeep.waiting() == (0, 0))
    keeping_it.cancel()
    await asyncio.gather(keeping_it, return_exceptions=True)
    assert children() == []


def test_one_waits_for_the_other_to_end(filled: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "RETRY_S", 0.01)
    with contextlib.ExitStack() as first:
        first.enter_context(kept(folder, WEEK, lambda said: True))

        def until(said: list[Any]) -> bool:
            if said:
                first.close()
            return len(said) == 2

        with kept(folder, WEEK, until) as said:
            assert said == [{"trouble": f"{folder}: another process keeps it in order"}, {"trouble": ""}]


async def test_much_damage_is_counted_and_the_first_of_it_named(
    filled: Store, folder: Path, upkeep: Upkeep, caplog: pytest.LogCaptureFixture
) -> None:
    upkeep.take_in()
    upkeep.seal(2**62)
    with contextlib.closing(sqlite3.connect(folder / ARCHIVE.file)) as connection, connection:
        for number in range(1000):
            connection.execute(
                "INSERT INTO segment (id, file, count, bytes, checksum, first, last, footer) "
                "SELECT ?1, ?1 || '.parquet', count, bytes, checksum, first, last, footer FROM segment WHERE id = 1",
                (1000 + number,),
            )
    counts, troubles = list[int](), list[str]()
    telling = keeping.Telling(lambda what, why: troubles.append(why), counts.append)
    keeping_it = asyncio.create_task(keeping.keep(folder, WEEK, LOG, telling))
    await eventually(lambda: counts)
    assert counts == [1000]
    assert troubles[0].startswith("history: ")
    assert troubles[0].endswith(", and 980 more")
    assert len(caplog.records) == 21
    keeping_it.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping_it


async def test_what_its_process_says_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    health, counts = Health("s"), list[int]()
    voice = keeping._Voice(LOG, keeping.Telling(health.trouble, counts.append))
    troubles = []
    for said in (
        {"trouble": ""}, {"trouble": "disk full"}, {"damaged": ["a.parquet: gone"], "parts": 1}, {"trouble": ""},
        {"forgotten": 7}, {"damaged": [], "parts": 0},
    ):  # fmt: skip
        voice.tell(said)
        troubles.append(health.as_json()["last_error"])
    gone = "history: a.parquet: gone"
    assert troubles == ["", "archive: disk full", f"archive: disk full; {gone}", gone, gone, ""]
    assert counts == [1, 0]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "INFO", "INFO"]


def test_its_process_ends_with_its_writer_whatever_ended_that(store: Store, folder: Path) -> None:
    writer = (
        "import asyncio, logging, sys; from pathlib import Path; from timeseries.keeping import Telling, keep; "
        "from timeseries.retention import Retention; "
        f"asyncio.run(keep(Path({str(folder)!r}), Retention(10**15, 10**9), logging.getLogger(), Telling()))"
    )
    with subprocess.Popen([sys.executable, "-P", "-c", writer]) as process:
        deadline = time.monotonic() + 30
        while not (found := _keepers_of(process.pid)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
        process.wait()
        while any(b"timeseries.keeper" in _argv(pid) for pid in found):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_keeper_whose_writer_hears_nothing_any_more_goes_on_without_a_word(folder: Path) -> None:
    hears, says = os.pipe()
    argv = [sys.executable, "-P", "-m", "timeseries.keeper", str(folder), str(WEEK.age), str(WEEK.bytes)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=says, stderr=subprocess.PIPE) as process:
        os.close(hears)
        os.close(says)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(5)
        _, error = process.communicate(b"", 30)
    assert (process.returncode, error) == (0, b"")


def _keepers_of(parent: int) -> list[int]:
    shown = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True)
    return [pid for pid in map(int, shown.stdout.split()) if b"timeseries.keeper" in _argv(pid)]
