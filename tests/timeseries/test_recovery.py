"""A segment that the archive does not know is never deleted: it is registered again, or kept aside."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plant.sample import Sample
from timeseries import recovery
from timeseries.layout import ARCHIVE, LOG
from timeseries.reader import Reader
from timeseries.segments import Segment
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import at, put, sample
from .test_upkeep import fill


@pytest.fixture
def sealed(store: Store, upkeep: Upkeep, folder: Path) -> Path:
    """A folder with three segments, nothing of it open."""
    store.declare([SignalInfo("R101.Note", "", 12, True)])
    put(store, sample("R101.TIC101.Mode", 1, 2))
    put(store, *(sample("R101.Note", place, f"number {place}") for place in range(1100)))
    fill(store, 0, 8000)
    upkeep.take_in()
    for before in (1500, 3500, 7000):
        upkeep.seal(at(before))
    upkeep.close()
    store.close()
    assert len(segments(folder)) == 3
    return folder


def segments(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "segments").iterdir())


def remove(folder: Path, name: str) -> None:
    for path in folder.glob(f"{name}*"):
        path.unlink()


def all_of(folder: Path) -> dict[str, list[Sample]]:
    with contextlib.closing(Reader(folder)) as reader:
        return {info.name: list(reader.raw(info.name, 0, 2**62)) for info in reader.signals()}


def settle(folder: Path) -> None:
    Store(folder).close()
    Upkeep(folder).close()


def test_without_an_archive_what_is_sealed_is_there_again(sealed: Path) -> None:
    wanted = {name: [each for each in found if each.source_time < at(6144)] for name, found in all_of(sealed).items()}
    remove(sealed, ARCHIVE.file)
    store, upkeep = Store(sealed), Upkeep(sealed)
    assert len(segments(sealed)) == 3
    assert upkeep.damaged() == []
    found = all_of(sealed)
    for name in ("R101.T", "R102.T"):
        assert found[name] == wanted[name]
    assert found["R101.Note"] == wanted["R101.Note"][:1024]
    (fresh,) = put(store, sample("R101.T", 9000, 1.0)).seqs.tolist()
    assert fresh > max(each.seq for each in found["R101.T"])
    assert not len(put(store, sample("R101.T", 5, 1.0)))
    put(store, sample("R101.T", 20_000, 1.0))
    upkeep.take_in()
    put(store, *(sample("R101.T", 20_001 + place, 1.0) for place in range(1100)))
    upkeep.take_in()
    made = upkeep.seal(at(30_000))
    assert made is not None
    assert made.file == "00000004.parquet"
    upkeep.forget(at(10_000))
    with contextlib.closing(Reader(sealed)) as reader:
        newest = reader.newest("R102.T")
        assert [each.value for each in reader.raw("R102.T", 0, 2**62)] == [6143.0]
        assert len(newest) == 1
    upkeep.close()
    store.close()


def test_without_a_log_too(sealed: Path) -> None:
    before = all_of(sealed)
    for name in (ARCHIVE.file, LOG.file):
        remove(sealed, name)
    settle(sealed)
    found = all_of(sealed)
    assert found["R101.T"] == before["R101.T"][: len(found["R101.T"])]
    assert len(found["R101.T"]) == 6144
    with contextlib.closing(Reader(sealed)) as reader:
        assert reader.info("R101.T") == SignalInfo("R101.T", "K", 11)
        assert reader.info("R101.Note") == SignalInfo("R101.Note", "", 12, True)


def test_a_sealing_that_was_cut_short_is_finished(store: Store, upkeep: Upkeep, folder: Path) -> None:
    fill(store, 0, 5000)
    upkeep.take_in()
    wanted = all_of(folder)
    upkeep.close()
    store.close()
    before = {path: path.read_bytes() for path in folder.glob(f"{ARCHIVE.file}*")}
    with contextlib.closing(Upkeep(folder)) as again:
        assert again.seal(at(4000)) is not None
        chunks = again._archive.execute("SELECT count(*) FROM chunk").fetchone()
    remove(folder, ARCHIVE.file)
    for path, octets in before.items():
        path.write_bytes(octets)
    (folder / "segments" / ".00000002.parquet.tmp").write_bytes(b"half")
    settle(folder)
    assert segments(folder) == ["00000001.parquet"]
    with contextlib.closing(Upkeep(folder)) as again:
        (left,) = again._archive.execute("SELECT count(*) FROM chunk").fetchone()
        assert left == chunks[0]
    assert all_of(folder) == wanted


def test_what_cannot_be_read_is_kept_aside_and_said(sealed: Path, caplog: pytest.LogCaptureFixture) -> None:
    remove(sealed, ARCHIVE.file)
    second = sealed / "segments" / "00000002.parquet"
    second.write_bytes(b"garbage")
    settle(sealed)
    assert segments(sealed) == ["00000001.parquet", "00000002.parquet.aside", "00000003.parquet"]
    assert "00000002.parquet cannot be taken into the history" in caplog.text
    settle(sealed)
    assert caplog.text.count("cannot be taken") == 1


def test_a_start_beside_an_upkeep_that_outlives_its_killed_writer(
    store: Store, upkeep: Upkeep, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 0, 5000)
    upkeep.take_in()
    wanted = all_of(folder)

    def seal(folder: Path) -> Segment | None:
        with contextlib.closing(Upkeep(folder)) as outliving:
            return outliving.seal(at(4000))

    put_down, is_sealed = recovery.put_down, threading.Event()

    def slowly(*made: object) -> None:
        is_sealed.set()
        time.sleep(0.5)
        put_down(*made)

    monkeypatch.setattr(recovery, "put_down", slowly)
    with ThreadPoolExecutor(1) as pool:
        sealing = pool.submit(seal, folder)
        assert is_sealed.wait(10)
        Store(folder).close()
        assert sealing.result(10) is not None
    assert segments(folder) == ["00000001.parquet"]
    assert all_of(folder) == wanted
