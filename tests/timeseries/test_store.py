"""Samples on disk: once each, numbered without holes, readable while written, whole after kill -9."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from plant import quality
from plant.clock import TICKS_PER_SECOND
from plant.sample import Sample
from timeseries.layout import VERSION
from timeseries.reader import Reader, UnknownSignal
from timeseries.store import SignalInfo, Store

T0 = 134_000_000_000_000_000
SIGNALS = [SignalInfo("R101.T", "K", 11), SignalInfo("R101.TIC101.Mode", "", 6), SignalInfo("R102.T", "K", 11)]


def sample(name: str, place: int, value: object, status: int = quality.GOOD, epoch: int = 0) -> Sample:
    return Sample(T0 + place * TICKS_PER_SECOND, name, value, status, T0, epoch)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "history.sqlite")
    store.declare(SIGNALS)
    return store


def test_the_same_sample_twice_is_stored_once(store: Store, tmp_path: Path) -> None:
    first = [sample("R101.T", 1, 350.0), sample("R102.T", 1, 340.0), sample("R101.T", 2, 351.0)]
    assert len(store.append(first)) == 3
    again = store.append([*first, sample("R101.T", 3, 352.0)])
    assert [each.source_time for each in again] == [T0 + 3 * TICKS_PER_SECOND]
    found = Reader(tmp_path / "history.sqlite").raw("R101.T", 0, 2**62)
    assert [(each.value, each.seq) for each in found] == [(350.0, 1), (351.0, 2), (352.0, 3)]
    assert store.newest()["R101.T"] == (0, T0 + 3 * TICKS_PER_SECOND)


def test_what_arrives_late_stands_in_its_place(store: Store, tmp_path: Path) -> None:
    store.append([sample("R101.T", 5, 1.0)])
    store.append([sample("R101.T", 3, 0.5)])
    found = Reader(tmp_path / "history.sqlite").raw("R101.T", 0, 2**62)
    assert [each.value for each in found] == [0.5, 1.0]


def test_the_outbox_keeps_what_is_not_published(store: Store) -> None:
    store.append([sample("R101.T", 1, 350.0), sample("R102.T", 1, 340.0)])
    entries = store.outbox.oldest(10)
    assert sorted((entry.reactor, len(entry.samples)) for entry in entries) == [("R101", 1), ("R102", 1)]
    store.outbox.published([entries[0].id])
    assert [entry.id for entry in store.outbox.oldest(10)] == [entries[1].id]
    assert store.outbox.waiting.entries == 1


def test_bad_values_have_none_and_types_are_kept(store: Store, tmp_path: Path) -> None:
    store.append([sample("R101.TIC101.Mode", 1, 2), sample("R101.T", 2, None, quality.BAD_SENSOR_FAILURE)])
    reader = Reader(tmp_path / "history.sqlite")
    assert reader.last("R101.TIC101.Mode").value == 2  # type: ignore[union-attr]
    bad = reader.last("R101.T")
    assert bad is not None
    assert (bad.value, bad.quality) == (None, quality.BAD_SENSOR_FAILURE)


def test_an_unknown_signal_names_its_neighbours(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UnknownSignal, match=r"R101\.T"):
        Reader(tmp_path / "history.sqlite").last("R101.Tt")


def test_pages_and_epochs(store: Store, tmp_path: Path) -> None:
    store.append([sample("R101.T", place, float(place)) for place in range(10)])
    store.append([sample("R101.T", 4, 44.0, epoch=1)])
    reader = Reader(tmp_path / "history.sqlite")
    pages: list[list[Sample]] = [[]]
    after = None
    while len(pages[-1]) == 3 or after is None:
        pages.append(reader.raw("R101.T", 0, T0 + 6 * TICKS_PER_SECOND, 3, after))
        after = (pages[-1][-1].source_time, pages[-1][-1].epoch)
    assert [[each.value for each in page] for page in pages[1:]] == [[0.0, 1.0, 2.0], [3.0, 4.0, 44.0], [5.0]]
    last = reader.last("R101.T")
    assert last is not None
    assert (last.epoch, last.value) == (1, 44.0)


def test_what_append_returned_survives_kill_9(tmp_path: Path) -> None:
    writer = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        from plant.sample import Sample
        from timeseries.store import SignalInfo, Store
        store = Store(Path({str(tmp_path / "history.sqlite")!r}))
        store.declare([SignalInfo("R101.T", "K", 11)])
        for place in range(1_000_000):
            store.append([Sample({T0} + place, "R101.T", float(place))])
            print(place, flush=True)
        """
    )
    with subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = -1
        for line in process.stdout:
            told = int(line)
            if told == 300:
                os.kill(process.pid, signal.SIGKILL)
        process.wait()
    again = Store(tmp_path / "history.sqlite")
    found = Reader(tmp_path / "history.sqlite").raw("R101.T", 0, 2**62)
    assert len(found) >= told + 1
    assert [each.seq for each in found] == list(range(1, len(found) + 1))
    fresh = again.append([Sample(T0 + 2_000_000, "R101.T", 1.0)])
    assert fresh[0].seq == len(found) + 1


def test_a_full_disk_refuses_whole_transactions(store: Store) -> None:
    connection = store._connection
    store.append([sample("R101.T", 0, 1.0)])
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages}")
    many = [sample("R101.T", place, float(place)) for place in range(1, 2000)]
    with pytest.raises(sqlite3.Error, match="full"):
        store.append(many)
    with pytest.raises(sqlite3.Error, match="full"):
        store.declare([SignalInfo(f"R101.{'x' * 100}{number}", "", 11) for number in range(2000)])
    connection.execute("PRAGMA max_page_count=1000000")
    assert len(store.append(many)) == 1999
    connection.execute("CREATE TEMP TRIGGER full BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(sqlite3.Error, match="full"):
        store.outbox.published([1])
    connection.execute("DROP TRIGGER full")
    store.outbox.published([1])
    assert [entry.id for entry in store.outbox.oldest(9)] == [2]


def test_a_full_disk_does_not_hinder_the_close(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    writer = textwrap.dedent(
        f"""
        import resource
        from pathlib import Path
        from plant.sample import Sample
        from timeseries.store import SignalInfo, Store
        store = Store(Path({str(path)!r}))
        store.declare([SignalInfo("R101.T", "K", 11)])
        store.append([Sample({T0} + place, "R101.T", float(place)) for place in range(1000)])
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        store.close()
        """
    )
    subprocess.run([sys.executable, "-c", writer], check=True)
    assert len(Reader(path).raw("R101.T", 0, 2**62)) == 1000


def test_the_newest_is_known_without_looking_at_the_samples(store: Store, tmp_path: Path) -> None:
    store.append([sample("R101.T", 5, 1.0), sample("R102.T", 9, 1.0), sample("R101.T", 7, 1.0)])
    store.append([sample("R101.T", 6, 0.5)])
    assert store.newest_time() == T0 + 9 * TICKS_PER_SECOND
    store.append([sample("R101.T", 2, 2.0, epoch=1)])
    for known in (store, Store(tmp_path / "history.sqlite")):
        assert known.newest() == {
            "R101.T": (1, T0 + 2 * TICKS_PER_SECOND),
            "R102.T": (0, T0 + 9 * TICKS_PER_SECOND),
        }
        assert known.newest_time() == T0 + 2 * TICKS_PER_SECOND
    assert Reader(tmp_path / "history.sqlite").newest_time() == T0 + 2 * TICKS_PER_SECOND


def test_every_question_and_every_deletion_uses_the_key(store: Store, tmp_path: Path) -> None:
    store.append([sample("R101.T", place, float(place)) for place in range(20)])
    reader = Reader(tmp_path / "history.sqlite")
    asked: list[str] = []
    for connection in (store._connection, reader._connection):
        connection.set_trace_callback(asked.append)
    reader.last("R101.T")
    reader.raw("R101.T", T0, 2**62, 5)
    reader.at("R101.T", T0 + 5)
    reader.aggregated("R101.T", T0, T0 + 10, 5, "Average")
    reader.newest_time()
    store.oldest()
    store.forget("R101.T", T0 + 5 * TICKS_PER_SECOND, 3)
    Store(tmp_path / "history.sqlite")
    for connection in (store._connection, reader._connection):
        connection.set_trace_callback(None)
    about_samples = [each for each in asked if "sample" in each and "outbox" not in each]
    assert len(about_samples) > 6
    for statement in about_samples:
        plan = [row[3] for row in store._connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        assert not [step for step in plan if "SCAN" in step or "TEMP B-TREE" in step], (statement, plan)


def test_forgetting_goes_by_slices_and_leaves_the_newest(store: Store, tmp_path: Path) -> None:
    store.append([sample("R101.T", place, float(place)) for place in range(10)])
    store.append([sample("R101.T", place, 10.0 + place, epoch=1) for place in range(2)])
    end = T0 + 100 * TICKS_PER_SECOND
    assert [store.forget("R101.T", T0 + 4 * TICKS_PER_SECOND, 4) for _ in range(3)] == [4, 1, 0]
    assert store.oldest() == T0 + 4 * TICKS_PER_SECOND
    assert [store.forget("R101.T", end, 100) for _ in range(2)] == [6, 0]
    assert store.oldest() is None
    left = Reader(tmp_path / "history.sqlite").raw("R101.T", 0, 2**62)
    assert [(each.epoch, each.value) for each in left] == [(1, 11.0)]


def test_another_layout_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    Store(path)._connection.execute("PRAGMA user_version=1")
    for opening in (Store, Reader):
        with pytest.raises(sqlite3.DatabaseError, match=rf"history\.sqlite: .*layout is 1, .*{VERSION}; move"):
            opening(path)


@pytest.mark.parametrize("at_once", [1, 5, 20, 45, 60, 120, 400])
def test_what_waits_is_known_by_what_it_takes_in_the_file(store: Store, tmp_path: Path, at_once: int) -> None:
    def pages() -> int:
        names = ("page_count", "freelist_count")
        used, free = (store._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
        return int(used - free)

    for first in range(0, 4000, at_once):
        store.append([sample("R101.T", first + place, 300.0 + place / 7) for place in range(at_once)])
    waiting = store.outbox.waiting
    assert waiting.entries == -(-4000 // at_once)
    assert Store(tmp_path / "history.sqlite").outbox.waiting == waiting
    before = pages()
    store.outbox.published(range(10_000))
    assert waiting.bytes == pytest.approx(4096 * (before - pages()), rel=0.3)
    assert (store.outbox.waiting.entries, store.outbox.waiting.bytes) == (0, 0)
