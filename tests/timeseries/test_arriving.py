"""What arrives beside what is stored: twice, late, with the time of another, beside what is damaged."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant import quality
from plant.sample import Sample
from timeseries.layout import ARCHIVE
from timeseries.packing import Damaged
from timeseries.reader import Reader
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import SIGNALS, put, sample, values

OLD = quality.UNCERTAIN_LAST_USABLE_VALUE


def arrive(store: Store, *samples: Sample, historical: bool = False) -> int:
    """Append what a server that is none of ours sends; return how much of it was new."""
    return len(store.append(store.columns(samples), historical=historical, times_repeat=True))


def told(reader: Reader, name: str = "R101.T") -> list[tuple[float | None, int, int]]:
    """Return value, StatusCode and ticks behind the second."""
    return [(each.value, each.quality, each.source_time % 1000) for each in reader.raw(name, 0, 2**62)]  # type: ignore[misc]


def test_another_status_with_the_same_time_stands_behind(store: Store, reader: Reader, upkeep: Upkeep) -> None:
    good, old, other = sample("R101.T", 1, 5.0), sample("R101.T", 1, 5.0, OLD), sample("R102.T", 1, 5.0)
    assert arrive(store, sample("R101.T", 0, 4.0), good) == 2
    assert arrive(store, old, other) == 2
    assert arrive(store, old) == 0, "the same once more, as over a new connection"
    upkeep.take_in()
    assert arrive(store, old, other) == 0
    assert arrive(store, good) == 1
    assert arrive(store, sample("R101.T", 2, 6.0), sample("R101.T", 2, 7.0), sample("R101.T", 2, 7.0)) == 2
    assert told(reader) == [(4.0, 0, 0), (5.0, 0, 0), (5.0, OLD, 1), (5.0, 0, 2), (6.0, 0, 0), (7.0, 0, 1)]
    assert reader.newest("R101.T").plain == [7.0]


def test_it_is_so_for_texts_and_for_what_is_bad(store: Store, reader: Reader) -> None:
    store.declare([*SIGNALS, text := SignalInfo("R101.Text", "", 12)])
    rows = [sample(text.name, 1, "a"), sample(text.name, 1, "b"), sample(text.name, 1, None, quality.BAD)]
    assert [arrive(store, row) for row in (*rows, rows[-1])] == [1, 1, 1, 0]
    assert [value for value, *_ in told(reader, text.name)] == ["a", "b", None]


def test_an_old_sample_stays_where_it_was(store: Store, reader: Reader) -> None:
    assert arrive(store, sample("R101.T", 1, 1.0), sample("R101.T", 9, 9.0)) == 2
    assert arrive(store, sample("R101.T", 5, 5.0)) == 1
    assert arrive(store, sample("R101.T", 1, 1.5)) == 0
    assert values(reader) == [1.0, 5.0, 9.0]


def test_what_is_read_back_is_there_already(store: Store, reader: Reader) -> None:
    rows = [sample("R101.T", 1, 5.0), sample("R101.T", 1, 5.0, OLD), sample("R101.T", 2, 6.0)]
    assert arrive(store, *rows) == 3
    assert arrive(store, *rows, historical=True) == 0
    assert arrive(store, sample("R101.T", 1, 4.0), historical=True) == 0, "what was changed in the source's history"
    assert arrive(store, *(sample("R102.T", 1, value) for value in (1.0, 1.0, 2.0)), historical=True) == 2
    assert told(reader, "R102.T") == [(1.0, 0, 0), (2.0, 0, 1)]


def test_our_own_plant_s_times_are_what_samples_are_known_by(store: Store, reader: Reader) -> None:
    put(store, sample("R101.T", 1, 5.0))
    assert len(put(store, sample("R101.T", 1, 6.0))) == 0
    assert values(reader) == [5.0]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()), max_size=30))
def test_no_change_is_lost_and_none_is_there_twice(arriving: list[tuple[int, int, bool]]) -> None:
    """Changes of one signal, each some time after the one before, or none; in front of some a new connection."""
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Store(Path(folder) / "history")) as store:
        store.declare(SIGNALS)
        time, last, wanted = 0, None, []
        for ahead, value, is_new_connection in arriving:
            if is_new_connection and last is not None:
                assert arrive(store, last) == 0
            time += ahead
            last = sample("R101.T", time, float(value))
            arrive(store, last)
            wanted.append(float(value))
        with contextlib.closing(Reader(Path(folder) / "history")) as reader:
            found = values(reader)
    by_change = [value for value, _ in itertools.groupby(wanted)]
    assert [value for value, _ in itertools.groupby(found)] == by_change


def test_a_time_that_never_changes_loses_no_value(store: Store, reader: Reader, upkeep: Upkeep) -> None:
    for value in range(200):
        assert arrive(store, sample("R101.T", 1, float(value))) == 1
        if value % 50 == 0:
            upkeep.take_in()
    assert values(reader) == [float(value) for value in range(200)]


@pytest.fixture
def damaged(store: Store, upkeep: Upkeep, folder: Path) -> bytes:
    """A store of which all that one signal has is damaged; return what was written."""
    put(store, *(sample(name, second, float(second)) for second in range(3) for name in ("R101.T", "R102.T")))
    upkeep.take_in()
    return swap(folder, None)


def swap(folder: Path, data: bytes | None) -> bytes:
    """Write R101.T's chunk, or damage it; return what was there."""
    with contextlib.closing(sqlite3.connect(folder / ARCHIVE.file)) as connection, connection:
        (there,) = connection.execute("SELECT data FROM chunk WHERE signal = 1").fetchone()
        connection.execute("UPDATE chunk SET data = ? WHERE signal = 1", (data or there[:-1] + bytes([there[-1] ^ 1]),))
    return bytes(there)


@pytest.mark.parametrize("times_repeat", [False, True])
def test_beside_what_is_damaged_all_goes_on(store: Store, folder: Path, damaged: bytes, times_repeat: bool) -> None:
    def append(*samples: Sample) -> int:
        return len(store.append(store.columns(samples), times_repeat=times_repeat))

    assert append(sample("R101.T", 2, 2.0), sample("R102.T", 3, 3.0)) == 1, "the newest is known without looking"
    assert append(sample("R101.T", 1, 1.0), sample("R101.T", 1.5, 1.5), sample("R102.T", 1, 1.0)) == 2
    assert append(sample("R101.T", 3, 3.0)) == 1
    with contextlib.closing(Reader(folder)) as reader:
        assert values(reader, "R102.T") == [0.0, 1.0, 2.0, 3.0]
        with pytest.raises(Damaged):
            values(reader)
    swap(folder, damaged)
    with contextlib.closing(Reader(folder)) as reader:
        assert values(reader) == [0.0, 1.0, 1.5, 2.0, 3.0], "each once"


def test_the_newest_of_a_signal_that_is_damaged_is_left_out(folder: Path, damaged: bytes) -> None:
    with contextlib.closing(Reader(folder)) as reader:
        assert {name: last.value for name, last in reader.lasts(["R101.T", "R102.T"]).items()} == {"R102.T": 2.0}
