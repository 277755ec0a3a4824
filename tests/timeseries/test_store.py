"""Samples on disk: once each, numbered without holes, readable while written, whole after kill -9."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant import quality
from plant.sample import Sample
from timeseries.layout import LOG
from timeseries.outbox import PUBLISHER, Waiting
from timeseries.reader import Reader, UnknownSignal
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import SIGNALS, T0, at, put, sample, values


def test_the_same_sample_twice_is_stored_once(store: Store, reader: Reader) -> None:
    first = [sample("R101.T", 1, 350.0), sample("R102.T", 1, 340.0), sample("R101.T", 2, 351.0)]
    assert len(put(store, *first)) == 3
    again = put(store, *first, sample("R101.T", 3, 352.0), sample("R101.T", 3, 353.0))
    assert again.times.tolist() == [at(3)]
    found = reader.raw("R101.T", 0, 2**62)
    assert [(each.value, each.seq) for each in found] == [(350.0, 1), (351.0, 2), (352.0, 3)]
    assert store.newest()["R101.T"] == (0, at(3))


def test_what_arrives_late_stands_in_its_place(store: Store, reader: Reader) -> None:
    put(store, sample("R101.T", 5, 1.0))
    put(store, sample("R101.T", 3, 0.5))
    assert values(reader) == [0.5, 1.0]


def test_numbers_are_of_each_reactor(store: Store) -> None:
    names = ["R101.T", "R102.T", "R101.TIC101.Mode", "R102.T", "R101.T"]
    stored = put(store, *(sample(name, place, 1) for place, name in enumerate(names)))
    assert stored.seqs.tolist() == [1, 1, 2, 2, 3]
    assert put(store, sample("R102.T", 9, 1.0), sample("R101.T", 9, 1.0)).seqs.tolist() == [3, 4]


def test_bad_values_have_none_and_types_are_kept(store: Store, reader: Reader) -> None:
    types = {"R101.Text": 12, "R101.Flag": 1, "R101.Big": 9, "R101.When": 13}
    store.declare([SignalInfo(name, "", number) for name, number in types.items()])
    written = [
        sample("R101.TIC101.Mode", 1, 2),
        sample("R101.T", 2, None, quality.BAD_SENSOR_FAILURE),
        sample("R101.Text", 1, "zu heiß"),
        sample("R101.Flag", 1, True),
        sample("R101.Big", 1, 2**64 - 1),
        sample("R101.When", 1, "2026-11-22T04:00:00.1234567Z"),
    ]
    put(store, *written)
    for each in written:
        last = reader.last(each.signal)
        assert last is not None
        assert (last.value, type(last.value), last.quality) == (each.value, type(each.value), each.quality)


def test_text_and_datetimes_are_held_and_exact(store: Store, reader: Reader) -> None:
    held = {
        "R101.Text": (12, "zu heiß", "kalt"),
        "R101.When": (13, "2026-11-22T04:00:00.1234567Z", "2026-11-22T05:00:00.0000001Z"),
    }
    store.declare([SignalInfo(name, "", number) for name, (number, *_) in held.items()])
    for name, (_, first, second) in held.items():
        put(store, sample(name, 1, first), sample(name, 3, second), sample(name, 5, None, quality.BAD_SENSOR_FAILURE))
        held = reader.at(name, [at(place) for place in (0, 1, 2, 3, 4.5, 6)])
        assert held.plain == [None, first, first, second, second, None]
        starts = reader.aggregated(name, at(1), at(7), at(2) - at(0), "Start")
        assert starts.plain == [first, second, None]
        assert reader.aggregated(name, at(1), at(7), 0, "Count").plain == [2]
        with pytest.raises(ValueError, match=f"{name} is text or a time; allowed are Interpolative, Count"):
            reader.aggregated(name, at(1), at(7), 0, "Average")


def test_an_unknown_signal_names_its_neighbours(reader: Reader) -> None:
    with pytest.raises(UnknownSignal, match=r"R101\.T"):
        reader.last("R101.Tt")


def test_pages_and_epochs(store: Store, reader: Reader) -> None:
    put(store, *(sample("R101.T", place, float(place)) for place in range(10)))
    put(store, sample("R101.T", 4, 44.0, epoch=1))
    pages: list[list[Sample]] = [[]]
    after = None
    while len(pages[-1]) == 3 or after is None:
        pages.append(reader.raw("R101.T", 0, at(6), 3, after))
        after = (pages[-1][-1].source_time, pages[-1][-1].epoch)
    assert [[each.value for each in page] for page in pages[1:]] == [[0.0, 1.0, 2.0], [3.0, 4.0, 44.0], [5.0]]
    last = reader.last("R101.T")
    assert last is not None
    assert (last.epoch, last.value) == (1, 44.0)


def test_the_newest_is_of_the_newest_epoch(store: Store, reader: Reader, folder: Path) -> None:
    put(store, sample("R101.T", 5, 1.0), sample("R102.T", 9, 1.0), sample("R101.T", 7, 1.0))
    put(store, sample("R101.T", 6, 0.5))
    assert store.newest_time() == at(9)
    put(store, sample("R101.T", 2, 2.0, epoch=1))
    for known in (store, Store(folder)):
        assert known.newest() == {"R101.T": (1, at(2)), "R102.T": (0, at(9))}
        assert known.newest_time() == at(2)
    assert reader.newest_time() == at(2)


@given(
    rounds=st.lists(
        st.lists(st.tuples(st.sampled_from([info.name for info in SIGNALS]), st.integers(0, 9), st.integers(0, 1))),
        max_size=4,
    ),
    archives=st.sets(st.integers(0, 3)),
)
@settings(max_examples=30)
def test_the_newest_of_many_are_each_ones(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[list[tuple[str, int, int]]], archives: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("lasts")
    store = Store(folder)
    store.declare(SIGNALS)
    upkeep, reader = Upkeep(folder), Reader(folder)
    for place, rows in enumerate(rounds):
        put(store, *(sample(name, second, second + place, epoch=epoch) for name, second, epoch in rows))
        if place in archives:
            upkeep.take_in()
    names = [info.name for info in SIGNALS]
    assert reader.lasts(names) == {name: last for name in names if (last := reader.last(name)) is not None}
    assert reader.lasts([]) == {}
    reader.close()
    upkeep.close()
    store.close()


def test_the_outbox_keeps_what_is_not_published(store: Store, folder: Path) -> None:
    put(store, sample("R101.T", 1, 350.0))
    assert store.outbox.blocks(0) == []
    store.outbox.begin()
    put(store, sample("R101.T", 2, 350.0), sample("R102.T", 2, 340.0))
    put(store, sample("R101.T", 3, 350.0))
    first, second = store.outbox.blocks(0)
    assert [each.signal for each in store.samples(first.columns)] == ["R101.T", "R102.T"]
    assert (store.outbox.waiting.blocks, store.outbox.waiting.samples) == (2, 3)
    store.outbox.let_go(first.number)
    for known in (store, Store(folder)):
        assert [block.number for block in known.outbox.blocks(0)] == [second.number]
        assert (known.outbox.waiting.blocks, known.outbox.waiting.samples) == (1, 1)
    store.outbox.let_go(0)
    assert store.outbox.drop_oldest(most_samples=1, at_once=10) == (first.number, 0)
    assert store.outbox.drop_oldest(most_samples=0, at_once=10) == (second.number, 1)
    assert store.outbox.blocks(0) == []


def test_each_reader_of_the_outbox_goes_on_where_it_was(store: Store, folder: Path) -> None:
    store.outbox.begin((PUBLISHER, "json"))
    for place in range(4):
        put(store, sample("R101.T", place, 350.0))
    store.outbox.let_go(3)
    store.outbox.let_go(1, "json")
    store.outbox.let_go(4, "nobody")
    again = Store(folder).outbox
    assert (again.done(PUBLISHER), again.done("json"), again.waiting.samples) == (3, 1, 3)
    assert again.behind == {PUBLISHER: Waiting(1, 1), "json": Waiting(3, 3)}
    again.begin((PUBLISHER, "sparkplug"))
    assert (again.done(PUBLISHER), again.done("sparkplug"), again.done("json")) == (3, 1, 0)
    again.begin()
    assert ([block.number for block in again.blocks(0)], again.waiting.samples) == ([4], 1)
    again.end()
    assert (again.blocks(0), again.waiting.samples) == ([], 0)


def test_what_was_read_back_waits_as_such(store: Store) -> None:
    store.outbox.begin()
    put(store, sample("R101.T", 2, 350.0))
    store.append(store.columns([sample("R101.T", 1, 350.0)]), historical=True)
    assert [block.is_historical for block in store.outbox.blocks(0)] == [False, True]


def test_what_append_returned_survives_kill_9(folder: Path) -> None:
    writer = textwrap.dedent(
        f"""
        from pathlib import Path
        from timeseries.columns import Columns
        from timeseries.signals import SignalInfo
        from timeseries.store import Store
        store = Store(Path({str(folder)!r}))
        store.declare([SignalInfo("R101.T", "K", 11)])
        for place in range(1_000_000):
            store.append(Columns.of(1, signals=1, times={T0} + place))
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
    again = Store(folder)
    found = Reader(folder).raw("R101.T", 0, 2**62)
    assert len(found) >= told + 1
    assert [each.seq for each in found] == list(range(1, len(found) + 1))
    assert put(again, sample("R101.T", 100, 1.0)).seqs.tolist() == [len(found) + 1]


def test_a_full_disk_refuses_whole_appends(store: Store, reader: Reader) -> None:
    connection = store._log
    put(store, sample("R101.T", 0, 1.0))
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages}")
    many = [sample("R101.T", place, float(place)) for place in range(1, 2000)]
    with pytest.raises(sqlite3.Error, match="full"):
        put(store, *many)
    with pytest.raises(sqlite3.Error, match="full"):
        store.declare([SignalInfo(f"R101.{'x' * 100}{number}", "", 11) for number in range(2000)])
    assert values(reader) == [1.0]
    connection.execute("PRAGMA max_page_count=1000000")
    assert put(store, *many).seqs.tolist() == list(range(2, 2001))


def test_a_full_disk_does_not_hinder_the_close(folder: Path) -> None:
    writer = textwrap.dedent(
        f"""
        import resource
        from pathlib import Path
        from timeseries.columns import Columns
        from timeseries.signals import SignalInfo
        from timeseries.store import Store
        store = Store(Path({str(folder)!r}))
        store.declare([SignalInfo("R101.T", "K", 11)])
        for place in range(1000):
            store.append(Columns.of(1, signals=1, times={T0} + place))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        store.close()
        """
    )
    subprocess.run([sys.executable, "-c", writer], check=True)
    assert len(Reader(folder).raw("R101.T", 0, 2**62)) == 1000


def test_a_signal_may_change_its_type(store: Store, reader: Reader) -> None:
    put(store, sample("R101.T", 1, 350.0))
    store.declare([SignalInfo("R101.T", "", 12)])
    put(store, sample("R101.T", 2, "hot"))
    assert values(reader) == [350.0, "hot"]
    assert [info for info in reader.signals() if info.name == "R101.T"] == [SignalInfo("R101.T", "", 12)]
    store.declare(SIGNALS)
    put(store, sample("R101.T", 3, 351.0))
    assert values(reader) == [350.0, "hot", 351.0]


def test_what_is_computed_sees_no_seam_where_a_type_has_changed(store: Store, upkeep: Upkeep, reader: Reader) -> None:
    put(store, *(sample("R101.T", place, place + 0.5) for place in range(5)))
    store.declare([SignalInfo("R101.T", "", 12)])
    put(store, sample("R101.T", 5, "hot"))
    store.declare([SignalInfo("R101.T", "K", 6)])
    put(store, *(sample("R101.T", place, place) for place in range(6, 10)))
    for _ in range(2):
        assert values(reader) == [0.5, 1.5, 2.5, 3.5, 4.5, "hot", 6, 7, 8, 9]
        assert reader.at("R101.T", [at(1), at(1.5), at(5), at(8)]).plain == [1.5, 2.0, 5.25, 8]
        assert reader.aggregated("R101.T", at(0), at(10), 0, "Count").plain == [9]
        assert reader.aggregated("R101.T", at(10), at(0), 0, "End").plain == [9.0]
        whole = reader.aggregated("R101.T", at(7), at(10), 0, "Maximum").plain
        assert whole == [9]
        assert type(whole[0]) is int
        upkeep.take_in()
    store.declare([SignalInfo("R101.T", "", 12)])
    assert reader.aggregated("R101.T", at(0), at(10), 0, "Count").plain == [1]


def test_gaps_stay_open_until_they_are_closed(store: Store, folder: Path) -> None:
    put(store, sample("R101.T", 5, 1.0))
    assert store.open_gaps(["R101.T", "R102.T"]) == {"R101.T": (0, at(5)), "R102.T": (0, 0)}
    put(store, sample("R101.T", 9, 1.0))
    again = Store(folder)
    assert again.open_gaps(["R101.T"]) == {"R101.T": (0, at(5))}
    again.close_gaps(["R101.T"])
    assert again.open_gaps(["R101.T"]) == {"R101.T": (0, at(9))}


def test_the_log_of_the_release_before_is_brought_up(folder: Path) -> None:
    store = Store(folder)
    store.declare([SignalInfo("R101.T", "K", 11)])
    put(store, sample("R101.T", 1, 350.0))
    store.outbox.begin()
    put(store, sample("R101.T", 2, 351.0))
    store._log.executescript(
        "ALTER TABLE block DROP COLUMN historical; ALTER TABLE block DROP COLUMN crc; DROP TABLE reader;"
        "CREATE TABLE published (block INTEGER NOT NULL); INSERT INTO published VALUES (1); PRAGMA user_version=3;"
    )
    store.close()
    with pytest.raises(sqlite3.DatabaseError, match=r"log\.sqlite: its layout is 3, .*; start the plant once"):
        Reader(folder)
    again = Store(folder)
    assert [block.number for block in again.outbox.blocks(0)] == [2]
    again.outbox.begin((PUBLISHER, "json"))
    assert [again.outbox.done(name) for name in (PUBLISHER, "json")] == [1, 1]
    put(again, sample("R101.T", 3, 352.0))
    assert [each.value for each in Reader(folder).raw("R101.T", 0, 2**62)] == [350.0, 351.0, 352.0]


def test_another_layout_is_refused_by_name(folder: Path) -> None:
    Store(folder)._log.execute("PRAGMA user_version=1")
    for opening in (Store, Reader):
        with pytest.raises(sqlite3.DatabaseError, match=rf"log\.sqlite: .*layout is 1, .*{LOG.version}; move"):
            opening(folder)


def test_a_log_behind_its_archive_swallows_nothing(folder: Path) -> None:
    """As a power cut, or a copy that was put back, leaves it."""
    with contextlib.closing(Store(folder)) as store:
        store.declare(SIGNALS)
        put(store, sample("R101.T", 1, 1.0))
    before = (folder / LOG.file).read_bytes()
    with contextlib.closing(Store(folder)) as store, contextlib.closing(Upkeep(folder)) as upkeep:
        store.declare([SignalInfo("R101.New", "", 11)])
        put(store, sample("R101.T", 2, 2.0), sample("R101.New", 2, 2.0))
        put(store, sample("R101.T", 3, 3.0))
        upkeep.take_in()
    for path in folder.glob(f"{LOG.file}*"):
        path.unlink()
    (folder / LOG.file).write_bytes(before)
    with contextlib.closing(Store(folder)) as store, contextlib.closing(Upkeep(folder)) as upkeep:
        store.declare([SignalInfo("R101.Newer", "", 11)])
        for _ in range(2):
            put(store, sample("R101.T", 4, 4.0), sample("R101.Newer", 4, 4.0))
            put(store, sample("R101.T", 5, 5.0))
            with contextlib.closing(Reader(folder)) as reader:
                assert values(reader) == [1.0, 2.0, 3.0, 4.0, 5.0]
                assert values(reader, "R101.Newer") == [4.0]
            upkeep.take_in()
            upkeep.seal(at(100))
        assert upkeep.waiting() == (0, 0)


@pytest.mark.parametrize(("sync", "mode"), [(False, 1), (True, 2)])
def test_an_append_is_synced_where_that_is_asked_for_and_the_archive_always(
    folder: Path, sync: bool, mode: int
) -> None:
    with contextlib.closing(Store(folder, sync=sync)) as store, contextlib.closing(Upkeep(folder)) as upkeep:
        assert store._log.execute("PRAGMA synchronous").fetchone() == (mode,)
        assert upkeep._archive.execute("PRAGMA synchronous").fetchone() == (2,)


def test_what_waits_of_a_type_that_was_is_known_after_a_restart(store: Store, folder: Path) -> None:
    store.outbox.begin()
    put(store, sample("R101.T", 0, 1.5))
    store.declare([SignalInfo("R101.T", "K", 6)])
    store.close()
    with contextlib.closing(Store(folder)) as again:
        (block,) = again.outbox.blocks(0)
        assert again.names_of(block.columns.signals) == ["R101.T"]
        assert again.values(block.columns) == [1.5]
        assert again.types_of(block.columns.signals) == [11]
