"""Archive, Parquet and forgetting: whole after kill -9 and on a full disk, small, checked, of any other tool's use."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.columns import Columns
from timeseries.packing import Damaged
from timeseries.reader import Reader
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import T0, at, put, sample, values

DAY_S = 86_400


def fill(store: Store, first: int, count: int) -> None:
    """Store so many samples of two signals, a second apart."""
    numbers = store.numbers(["R101.T", "R102.T"])
    seconds = np.arange(first, first + count)
    words = np.repeat(seconds.astype(np.float64), 2).view(np.int64)
    times = np.repeat(T0 + seconds * TICKS_PER_SECOND, 2)
    store.append(Columns.of(2 * count, signals=np.tile(numbers, count), times=times, words=words))


def test_the_log_is_let_go_when_it_is_archived_and_published(store: Store, upkeep: Upkeep, reader: Reader) -> None:
    put(store, sample("R101.T", 1, 1.0))
    store.outbox.begin()
    for place in range(2, 200):
        put(store, sample("R101.T", place, float(place)))
    assert upkeep.waiting() == (199, 199)
    assert upkeep.take_in() == 199
    assert upkeep.waiting() == (0, 0)
    blocks = store.outbox.blocks(0)
    assert len(blocks) == 198
    store.outbox.let_go(blocks[-1].number)
    upkeep.take_in()
    assert upkeep._log.execute("SELECT count(*) FROM block").fetchone() == (0,)
    assert values(reader) == [float(place) for place in range(1, 200)]


def test_a_signal_that_comes_while_the_log_is_archived(
    store: Store, upkeep: Upkeep, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, sample("R101.T", 1, 1.0))
    signals_of = Upkeep._signals

    def racing(upkeep: Upkeep) -> dict[int, SignalInfo]:
        found = signals_of(upkeep)
        store.declare([SignalInfo("R105.T", "K", 11)])
        put(store, sample("R105.T", len(found), 5.0))
        return found

    monkeypatch.setattr(Upkeep, "_signals", racing)
    for _ in range(2):
        upkeep.take_in()
    assert values(reader, "R105.T") == [5.0, 5.0]


def test_what_is_sealed_is_small_and_other_tools_read_it(store: Store, upkeep: Upkeep, folder: Path) -> None:
    fill(store, 0, DAY_S)
    store.declare([SignalInfo("R101.Cause", "", 12)])
    put(store, sample("R101.Cause", 1, "T high"), sample("R101.Cause", 2, None, quality.BAD_SENSOR_FAILURE))
    put(store, sample("R101.Cause", 3, ""), sample("R101.Cause", 90_000, "later"), sample("R101.T", 90_000, 1.0))
    for _ in range(3):
        upkeep.take_in()
    put(store, sample("R101.Cause", 90_001, "last"))
    made = upkeep.seal(at(DAY_S))
    assert made is not None
    assert made.bytes / sum(piece.count for piece in made.pieces) < 6
    table = pq.read_table(folder / "segments" / made.file)
    assert table.column_names == [
        "signal", "epoch", "time", "server_time", "status", "level", "number", "whole", "text", "seq"
    ]  # fmt: skip
    assert set(table["signal"].to_pylist()) == {"R101.T", "R102.T", ""}
    row = table.slice(60, 1).to_pylist()[0]
    assert (row["signal"], row["time"], row["number"], row["text"]) == ("R101.T", at(60), 60.0, None)


def test_rounded_values_and_times_of_scans_take_little(store: Store, upkeep: Upkeep, reader: Reader) -> None:
    chance = np.random.default_rng(1)
    count, names = 40_000, [f"R103.S{number}" for number in range(10)]
    store.declare([SignalInfo(name, "", 11) for name in names])
    seconds = np.arange(count)
    sent = T0 + seconds * TICKS_PER_SECOND + chance.integers(0, 50_000, count)
    drift = np.cumsum(chance.normal(0, 0.02, count))
    for number in store.numbers(names).tolist():
        words = np.round(350 + drift + chance.normal(0, 0.1, count), 2).view(np.int64)
        times = T0 + seconds * TICKS_PER_SECOND
        store.append(Columns.of(count, signals=number, times=times, server_times=sent, words=words))
    alone = sample("R103.S3", count + 0.5, 1.0)
    put(store, alone, *(sample(name, count + 60, 1.0) for name in names))
    while upkeep.take_in():
        pass
    before = reader.raw("R103.S3", 0, 2**62)
    made = upkeep.seal(2**62)
    assert made is not None
    assert made.bytes / sum(piece.count for piece in made.pieces) < 2.5
    assert reader.raw("R103.S3", 0, 2**62) == before
    assert [each.server_time for each in before[:3]] == sent[:3].tolist()


def test_a_chunk_with_its_signals_newest_sample_is_neither_sealed_nor_forgotten(
    store: Store, upkeep: Upkeep, reader: Reader
) -> None:
    put(store, sample("R101.TIC101.Mode", 1, 2))
    fill(store, 0, 5000)
    upkeep.take_in()
    assert upkeep.seal(at(10_000)) is not None
    assert upkeep.forget(at(10_000)) == 2 * 4096
    assert values(reader, "R101.TIC101.Mode") == [2]
    assert values(reader) == [float(second) for second in range(4096, 5000)]
    assert upkeep.seal(at(10_000)) is None
    assert upkeep.oldest() is None
    assert upkeep.forget(at(10_000)) == 0


def test_what_is_forgotten_frees_its_file(store: Store, upkeep: Upkeep, folder: Path, reader: Reader) -> None:
    fill(store, 0, 20_000)
    upkeep.take_in()
    made = upkeep.seal(at(10_000))
    assert made is not None
    assert len(values(reader)) == 20_000
    size = upkeep.size()
    assert size.segment_bytes == made.bytes
    assert upkeep.oldest() == at(made.pieces[0].last // TICKS_PER_SECOND - T0 // TICKS_PER_SECOND)
    assert upkeep.forget(at(10_000)) == 2 * made.pieces[0].count
    assert not (folder / "segments" / made.file).exists()
    assert made.file not in Path("/proc/self/maps").read_text()  # nor is it held by the reader, which has read it
    held = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert not any(made.file in each for each in held)
    assert upkeep.size().kept == size.archive_bytes
    assert values(reader) == [float(second) for second in range(made.pieces[0].count, 20_000)]


def test_a_segment_that_has_changed_is_found(store: Store, upkeep: Upkeep, folder: Path) -> None:
    fill(store, 0, 5000)
    upkeep.take_in()
    for before in (1000, 3000):
        upkeep.seal(at(before + 100))
    first, second = sorted((folder / "segments").glob("*.parquet"))
    assert upkeep.damaged() == []
    octets = bytearray(first.read_bytes())
    octets[len(octets) // 2] ^= 1
    first.write_bytes(octets)
    second.unlink()
    assert [each.partition(": ")[2] for each in upkeep.damaged()] == [
        "its checksum is not that of the file that was written",
        "No such file or directory",
    ]


def test_a_question_about_a_damaged_segment_names_it_and_others_are_answered(
    store: Store, upkeep: Upkeep, reader: Reader, folder: Path
) -> None:
    fill(store, 0, 5000)
    upkeep.take_in()
    made = upkeep.seal(at(2000))
    assert made is not None
    path = folder / "segments" / made.file
    octets = path.read_bytes()
    for damage in (
        path.unlink,
        lambda: path.write_bytes(b"garbage"),
        lambda: path.write_bytes(octets[: len(octets) // 2]),
    ):
        damage()
        with pytest.raises(Damaged, match=r"00000001\.parquet: .*; put the file back from a copy"):
            values(reader)
        assert len(reader.raw("R101.T", at(3000), at(4000))) == 1000
    path.write_bytes(octets)
    assert len(values(reader)) == 5000


def test_samples_that_come_late_while_a_segment_is_written_are_not_lost(
    store: Store, upkeep: Upkeep, reader: Reader
) -> None:
    fill(store, 0, 3000)
    put(store, sample("R101.TIC101.Mode", 1, 1), sample("R101.TIC101.Mode", 2, 2))
    upkeep.take_in()
    put(store, sample("R101.TIC101.Mode", 9000, 3))
    put(store, *(sample("R101.TIC101.Mode", 9000 + place, 3) for place in range(1, 1100)))
    upkeep.take_in()
    late = [sample("R101.T", 0.5, 0.5)]

    def come_late() -> None:
        if late:
            put(store, late.pop())
            upkeep.take_in()

    upkeep.seal(at(8000), come_late)
    assert values(reader)[:3] == [0.0, 0.5, 1.0]
    assert len(values(reader)) == 3001


def make_noise(store: Store, count: int) -> list[float]:
    """Store samples that cannot be packed."""
    noise = np.random.default_rng(1).normal(size=count)
    store.append(Columns.of(count, signals=1, times=T0 + np.arange(count), words=noise.view(np.int64)))
    return noise.tolist()


def test_a_full_disk_keeps_samples_in_the_log(store: Store, upkeep: Upkeep, reader: Reader) -> None:
    wanted = make_noise(store, 5000)
    (pages,) = upkeep._archive.execute("PRAGMA page_count").fetchone()
    upkeep._archive.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(sqlite3.Error, match="full"):
        upkeep.take_in()
    assert values(reader) == wanted
    upkeep._archive.execute("PRAGMA max_page_count=1000000")
    assert upkeep.take_in() == 5000
    assert values(reader) == wanted


@pytest.mark.parametrize(("count", "why"), [(20_000, "File too large"), (5000, "disk I/O error")])
def test_a_full_disk_leaves_what_is_not_sealed_in_the_archive(
    store: Store, upkeep: Upkeep, reader: Reader, folder: Path, count: int, why: str
) -> None:
    """By the Parquet file, or by the archive's journal when that is written already."""
    wanted = make_noise(store, count)
    upkeep.take_in()
    script = textwrap.dedent(
        f"""
        import resource, signal, sqlite3
        from pathlib import Path
        from timeseries.upkeep import Upkeep
        upkeep = Upkeep(Path({str(folder)!r}))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        try:
            upkeep.seal({at(10_000)})
        except (OSError, sqlite3.Error) as error:
            print(error)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert why in done.stdout, done.stderr
    assert list((folder / "segments").iterdir()) == []
    assert values(reader) == wanted
    assert upkeep.seal(at(10_000)) is not None
    assert values(reader) == wanted


def test_kill_9_at_any_moment_loses_and_doubles_nothing(folder: Path) -> None:
    writer = textwrap.dedent(
        f"""
        import threading
        from pathlib import Path
        import numpy as np
        from timeseries import archive
        from timeseries.columns import Columns
        from timeseries.signals import SignalInfo
        from timeseries.store import Store
        from timeseries.upkeep import Upkeep
        archive.CHUNK = 64
        folder = Path({str(folder)!r})
        store = Store(folder)
        store.declare([SignalInfo("R101.T", "K", 11), SignalInfo("R102.T", "K", 11)])
        place = max(0, (store.newest_time() - {T0}) // {TICKS_PER_SECOND} + 1) if store.newest() else 0

        def keep():
            upkeep = Upkeep(folder)
            while True:
                upkeep.take_in()
                upkeep.seal({T0} + place * {TICKS_PER_SECOND} - 500 * {TICKS_PER_SECOND})

        threading.Thread(target=keep, daemon=True).start()
        while True:
            times = {T0} + (place + np.repeat(np.arange(5), 2)) * {TICKS_PER_SECOND}
            store.append(Columns.of(10, signals=np.tile([1, 2], 5), times=times))
            place += 5
            print(place, flush=True)
        """
    )
    chance = random.Random(6)
    told = 0
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            began = time.monotonic()
            lasts = chance.uniform(0.05, 0.7)
            while time.monotonic() - began < lasts:
                line = process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
            told = int((process.stdout.read().splitlines() or [line])[-1] or line)
    store, upkeep, reader = Store(folder), Upkeep(folder), Reader(folder)
    for _ in range(2):
        for name in ("R101.T", "R102.T"):
            found = reader.raw(name, 0, 2**62)
            assert len(found) >= told
            assert [each.source_time for each in found] == [at(place) for place in range(len(found))]
            assert [each.seq for each in found] == list(range(1, len(found) + 1))
        upkeep.take_in()
    assert upkeep.damaged() == []
    assert store.numbers(["R101.T", "R102.T"]).tolist() == [1, 2]
