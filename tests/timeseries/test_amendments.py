"""What is changed: readers see it everywhere, whole over kill -9 and on a full disk, and forgotten with the rest."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.amended import Author, Change
from timeseries.amending import Amender, Outcome, TooMany
from timeseries.layout import AMENDMENTS
from timeseries.reader import Reader
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import SIGNALS, T0, at, put, sample, values

ANNA = Author("anna", T0 + 99)
EVER = 2**62
INFO = SIGNALS[0]


@pytest.fixture
def amender(store: Store, folder: Path) -> Iterator[Amender]:
    amender = Amender(folder)
    yield amender
    amender.close()


@pytest.fixture
def number(store: Store) -> int:
    return int(store.numbers(["R101.T"])[0])


def fill(store: Store, first: int = 0, last: int = 10) -> None:
    put(store, *(sample("R101.T", place, float(place)) for place in range(first, last)))


def changes(reader: Reader, number: int) -> list[tuple[int, str, float]]:
    found = reader.history.amendments.modifications(number, 0, EVER, 10_000, backward=False)
    numbers = INFO.numbers(found.samples.words)
    return [
        ((each.time - T0) // TICKS_PER_SECOND, each.change.name, float(value))
        for each, value in zip(found.infos, numbers, strict=True)
    ]


def test_all_questions_are_answered_by_what_was_changed(
    store: Store, reader: Reader, amender: Amender, number: int
) -> None:
    fill(store)
    change = store.columns([sample("R101.T", 4, 40.0), sample("R101.T", 4.5, 45.0)])
    done = amender.put(number, INFO, change, Change.UPDATE, ANNA)
    assert list(done.outcomes) == [Outcome.REPLACED, Outcome.INSERTED]
    assert INFO.numbers(done.before.words).tolist() == [4.0]
    amender.delete(number, INFO, at(8), at(10), ANNA, 10)
    assert values(reader) == [0.0, 1.0, 2.0, 3.0, 40.0, 45.0, 5.0, 6.0, 7.0]
    assert reader.at("R101.T", [at(3.5)]).values[0] == pytest.approx(21.5)
    assert reader.aggregated("R101.T", at(4), at(6), 0, "Maximum").values[0] == 45.0
    assert reader.aggregated("R101.T", at(7), at(10), 0, "Count").values[0] == 1
    last = reader.last("R101.T")
    assert last is not None
    assert (last.source_time, last.value) == (at(7), 7.0)
    assert changes(reader, number) == [
        (4, "UPDATE", 4.0),
        (4, "INSERT", 45.0),
        (8, "DELETE", 8.0),
        (9, "DELETE", 9.0),
    ]


def test_what_is_deleted_may_be_inserted_again(store: Store, reader: Reader, amender: Amender, number: int) -> None:
    fill(store)
    amender.delete(number, INFO, at(9), at(10), ANNA, 10)
    again = store.columns([sample("R101.T", 9, 90.0)])
    assert list(amender.put(number, INFO, again, Change.REPLACE, ANNA).outcomes) == [Outcome.IS_NOT_THERE]
    assert list(amender.put(number, INFO, again, Change.INSERT, ANNA).outcomes) == [Outcome.INSERTED]
    assert list(amender.put(number, INFO, again, Change.INSERT, ANNA).outcomes) == [Outcome.IS_THERE]
    assert values(reader)[-1] == 90.0
    assert changes(reader, number) == [(9, "INSERT", 90.0), (9, "DELETE", 9.0)]


def test_values_of_one_call_count_one_after_the_other(
    store: Store, reader: Reader, amender: Amender, number: int
) -> None:
    twice = store.columns([sample("R101.T", 1, 1.0), sample("R101.T", 1, 2.0)])
    assert list(amender.put(number, INFO, twice, Change.INSERT, ANNA).outcomes) == [Outcome.INSERTED, Outcome.IS_THERE]
    assert list(amender.put(number, INFO, twice, Change.UPDATE, ANNA).outcomes) == [Outcome.REPLACED] * 2
    assert changes(reader, number) == [(1, "UPDATE", 1.0), (1, "UPDATE", 1.0), (1, "INSERT", 1.0)]
    assert values(reader) == [2.0]


def test_of_a_time_that_was_there_twice_the_later_epoch_counts(
    store: Store, reader: Reader, amender: Amender, number: int
) -> None:
    put(store, sample("R101.T", 1, 1.0), sample("R101.T", 1, 2.0, epoch=1))
    amender.put(number, INFO, store.columns([sample("R101.T", 1, 3.0)]), Change.REPLACE, ANNA)
    assert values(reader) == [1.0, 3.0]
    assert list(amender.delete_at(number, INFO, [at(1)], ANNA).outcomes) == [Outcome.DELETED]
    assert values(reader) == []
    assert changes(reader, number) == [(1, "DELETE", 3.0), (1, "DELETE", 1.0)]


def test_what_was_deleted_is_known_when_there_is_nothing_more_to_delete(
    store: Store, reader: Reader, amender: Amender, number: int
) -> None:
    fill(store)
    amender.put(number, INFO, store.columns([sample("R101.T", 1, 3.0)]), Change.REPLACE, ANNA)
    done = amender.delete_at(number, INFO, [at(1), at(2), at(1)], ANNA)
    assert list(done.outcomes) == [Outcome.DELETED, Outcome.DELETED, Outcome.IS_NOT_THERE]
    assert list(amender.delete_at(number, INFO, [at(2)], ANNA).outcomes) == [Outcome.IS_NOT_THERE]
    assert changes(reader, number) == [(1, "DELETE", 3.0), (2, "DELETE", 2.0)]


def test_texts_and_bad_values_are_kept(store: Store, reader: Reader, amender: Amender) -> None:
    info = SignalInfo("R101.Cause", "", 12)
    store.declare([info])
    number = int(store.numbers(["R101.Cause"])[0])
    put(store, sample("R101.Cause", 1, "kühl"), sample("R101.Cause", 2, "heiß"))
    change = [sample("R101.Cause", 1, "zu heiß"), sample("R101.Cause", 2, None, quality.BAD_SENSOR_FAILURE)]
    amender.put(number, info, store.columns(change), Change.REPLACE, ANNA)
    found = reader.raw("R101.Cause", 0, EVER)
    assert [(each.value, each.quality) for each in found] == [
        ("zu heiß", quality.GOOD), (None, quality.BAD_SENSOR_FAILURE)
    ]  # fmt: skip
    before = reader.history.amendments.modifications(number, 0, EVER, 10, backward=False)
    assert before.samples.texts == {0: "kühl", 1: "heiß"}
    assert [each.author for each in before.infos] == [ANNA, ANNA]


def test_too_much_is_not_deleted_at_all(store: Store, reader: Reader, amender: Amender, number: int) -> None:
    fill(store)
    with pytest.raises(TooMany):
        amender.delete(number, INFO, at(0), at(10), ANNA, 9)
    assert len(values(reader)) == 10
    assert changes(reader, number) == []


def test_samples_that_come_late_do_not_undo_a_change(
    store: Store, reader: Reader, amender: Amender, number: int
) -> None:
    fill(store)
    amender.delete(number, INFO, at(2), at(4), ANNA, 10)
    assert len(put(store, sample("R101.T", 2, 2.0))) == 0
    assert values(reader) == [0.0, 1.0, *map(float, range(4, 10))]


def test_a_store_that_was_never_changed_has_no_file_and_works(store: Store, folder: Path) -> None:
    fill(store)
    upkeep, reader = Upkeep(folder), Reader(folder)
    upkeep.take_in()
    upkeep.forget(at(5))
    assert upkeep.size().amendment_bytes == 0
    assert reader.last("R101.T") == reader.raw("R101.T", 0, EVER)[-1]
    assert not (folder / AMENDMENTS.file).exists()
    upkeep.close()
    reader.close()


def test_changes_are_forgotten_with_what_they_change(
    store: Store, upkeep: Upkeep, reader: Reader, amender: Amender, number: int
) -> None:
    fill(store, 0, 10)
    upkeep.take_in()
    fill(store, 10, 20)
    change = [sample("R101.T", place, -1.0) for place in (-5, 3, 13)]
    amender.put(number, INFO, store.columns(change), Change.UPDATE, ANNA)
    upkeep.forget(at(0))
    assert [row[:2] for row in changes(reader, number)] == [(3, "UPDATE"), (13, "UPDATE")], "older than all samples"
    upkeep.forget(at(5))
    assert [row[:2] for row in changes(reader, number)] == [(3, "UPDATE"), (13, "UPDATE")], "the chunk is still there"
    upkeep.take_in()
    upkeep.seal(at(10))
    assert upkeep.forget(at(12)) == 10
    assert [row[:2] for row in changes(reader, number)] == [(13, "UPDATE")]
    assert values(reader) == [10.0, 11.0, 12.0, -1.0, *map(float, range(14, 20))]
    assert upkeep.size().kept > upkeep.size().archive_bytes


def test_on_a_full_disk_a_call_is_done_not_at_all(store: Store, reader: Reader, amender: Amender, number: int) -> None:
    fill(store)
    amender.put(number, INFO, store.columns([sample("R101.T", 1, -1.0)]), Change.REPLACE, ANNA)
    connection = amender._file()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages}")
    many = store.columns([sample("R101.T", place / 100, -2.0) for place in range(1000)])
    with pytest.raises(sqlite3.Error, match="full"):
        amender.put(number, INFO, many, Change.UPDATE, ANNA)
    assert values(reader) == [0.0, -1.0, *map(float, range(2, 10))]
    connection.execute("PRAGMA max_page_count=1000000")
    amender.put(number, INFO, many, Change.UPDATE, ANNA)
    assert len(changes(reader, number)) == 1001


def test_a_file_that_was_begun_when_the_process_died_is_made_anew(
    store: Store, reader: Reader, amender: Amender, folder: Path, number: int
) -> None:
    (folder / f".{AMENDMENTS.file}.new").write_bytes(b"half of it")
    amender.put(number, INFO, store.columns([sample("R101.T", 1, -1.0)]), Change.INSERT, ANNA)
    assert values(reader) == [-1.0]


def test_changing_and_forgetting_wait_for_each_other(store: Store, reader: Reader, folder: Path, number: int) -> None:
    fill(store, 0, 1_000)
    is_over = threading.Event()

    def keep() -> None:
        upkeep = Upkeep(folder)
        before = 0
        while not is_over.is_set():
            before = min(before + 1, 900)
            upkeep.take_in()
            upkeep.forget(at(before))
        upkeep.close()

    amender = Amender(folder)
    with ThreadPoolExecutor(1) as beside:
        kept = beside.submit(keep)
        for place in range(1_000, 1_100):
            fill(store, place, place + 1)
            change = store.columns([sample("R101.T", place, -1.0), sample("R101.T", place + 0.5, -2.0)])
            amender.put(number, INFO, change, Change.UPDATE, ANNA)
            assert values(reader)[-2:] == [-1.0, -2.0]
        is_over.set()
        kept.result(30)
    amender.close()
    assert values(reader)[-200:] == [-1.0, -2.0] * 100


def test_after_kill_9_each_call_is_done_whole_or_not_at_all(folder: Path) -> None:
    store = Store(folder)
    store.declare(SIGNALS)
    fill(store, 0, 100)
    upkeep = Upkeep(folder)
    upkeep.take_in()
    upkeep.close()
    writer = textwrap.dedent(
        f"""
        from pathlib import Path
        from timeseries.amended import Author, Change
        from timeseries.amending import Amender
        from timeseries.columns import Columns
        from timeseries.signals import SignalInfo
        amender = Amender(Path({str(folder)!r}))
        info = SignalInfo("R101.T", "K", 11)
        times = [{T0} + place * {TICKS_PER_SECOND} for place in range(100)]
        for call in range(1, 1_000_000):
            words = Columns.of(100, signals=1, times=times, words=call)
            amender.put(1, info, words, Change.UPDATE, Author("anna", call))
            print(call, flush=True)
        """
    )
    for told_last in (3, 20, 7):
        with subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            told = 0
            for line in process.stdout:
                told = int(line)
                if told == told_last:
                    os.kill(process.pid, signal.SIGKILL)
            process.wait()
        reader = Reader(folder)
        words = reader.history.read(1, INFO, 0, EVER).words.tolist()
        assert len(words) == 100
        assert len(set(words)) == 1
        assert words[0] >= told
        reader.close()
    store.close()
