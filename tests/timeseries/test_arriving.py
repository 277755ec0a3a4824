"""What arrives beside what is damaged: all else goes on, and nothing is there twice in the end."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from plant.sample import Sample
from timeseries.layout import ARCHIVE
from timeseries.packing import Damaged
from timeseries.reader import Reader
from timeseries.same_times import SameTimes
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import put, sample, values


@pytest.fixture
def damaged(store: Store, upkeep: Upkeep, folder: Path) -> bytes:
    """A store of which the second chunk of one signal is damaged; return what was written."""
    for seconds in (range(3), range(3, 6)):
        put(store, *(sample(name, second, float(second)) for second in seconds for name in ("R101.T", "R102.T")))
        upkeep.take_in()
    return swap(folder, None)


def swap(folder: Path, data: bytes | None) -> bytes:
    """Write the newest chunk of R101.T, or damage it; return what was there."""
    with contextlib.closing(sqlite3.connect(folder / ARCHIVE.file)) as connection, connection:
        query = "SELECT id, data FROM chunk WHERE signal = 1 ORDER BY first DESC"
        number, there = connection.execute(query).fetchone()
        changed = data or there[:-1] + bytes([there[-1] ^ 1])
        connection.execute("UPDATE chunk SET data = ? WHERE id = ?", (changed, number))
    return bytes(there)


@pytest.mark.parametrize("is_ours", [True, False])
def test_beside_what_is_damaged_all_goes_on(store: Store, folder: Path, damaged: bytes, is_ours: bool) -> None:
    def append(*samples: Sample) -> int:
        return len(store.append(store.columns(samples), same_times=None if is_ours else SameTimes()))

    assert append(sample("R102.T", 5, 5.0), sample("R102.T", 6, 6.0)) == 1
    again = [sample("R101.T", second, float(second)) for second in (1, 3, 3.5)]
    assert append(*again) == 2, "what is beside an intact chunk is known"
    assert append(*again) == 0, "what was stored once more is known"
    assert append(sample("R101.T", 6, 6.0)) == 1
    with contextlib.closing(Reader(folder)) as reader:
        assert values(reader, "R102.T") == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        with pytest.raises(Damaged):
            values(reader)
    swap(folder, damaged)
    with contextlib.closing(Reader(folder)) as reader:
        assert values(reader) == [0.0, 1.0, 2.0, 3.0, 3.5, 4.0, 5.0, 6.0], "each once"


@pytest.mark.usefixtures("damaged")
def test_the_newest_is_known_though_it_is_damaged(store: Store) -> None:
    assert len(put(store, sample("R101.T", 5, 5.0))) == 0
    for value in range(3):
        found = store.append(store.columns([sample("R101.T", 5, float(value))]), same_times=SameTimes())
        assert len(found) == 1, "what it was is not known"


@pytest.mark.usefixtures("damaged")
def test_the_newest_of_a_signal_that_is_damaged_is_left_out(folder: Path) -> None:
    with contextlib.closing(Reader(folder)) as reader:
        assert {name: last.value for name, last in reader.lasts(["R101.T", "R102.T"]).items()} == {"R102.T": 5.0}


def test_our_own_plant_s_samples_are_known_by_their_times(store: Store, reader: Reader) -> None:
    put(store, sample("R101.T", 1, 5.0))
    assert len(put(store, sample("R101.T", 1, 6.0))) == 0
    assert values(reader) == [5.0]
