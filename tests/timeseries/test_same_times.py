"""Samples with the time of another, from a server that is none of ours: live, read back, and over new connections."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant import quality
from plant.sample import Sample, Scalar
from timeseries import log
from timeseries.reader import Reader
from timeseries.same_times import SameTimes
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import SIGNALS, T0, sample, values

OLD = quality.UNCERTAIN_LAST_USABLE_VALUE
T = "R101.T"


class Client:
    """What the historian does over one connection, and in which order things are stored."""

    def __init__(self, store: Store) -> None:
        self._store = store
        reached = store.newest()
        numbers = store.numbers(reached).tolist()
        self._live = SameTimes(dict(zip(numbers, reached.values(), strict=True)))
        self._back = SameTimes()

    def live(self, *samples: Sample) -> int:
        return len(self._store.append(self._store.columns(samples), same_times=self._live))

    def read_back(self, *samples: Sample) -> int:
        return len(self._store.append(self._store.columns(samples), historical=True, same_times=self._back))


def told(reader: Reader, name: str = T) -> list[tuple[Scalar | None, int, int]]:
    """Return value, StatusCode and ticks behind the second."""
    return [(each.value, each.quality, each.source_time % 1000) for each in reader.raw(name, 0, 2**62)]


def test_another_status_with_the_same_time_stands_behind(store: Store, reader: Reader, upkeep: Upkeep) -> None:
    good, old, other = sample(T, 1, 5.0), sample(T, 1, 5.0, OLD), sample("R102.T", 1, 5.0)
    client = Client(store)
    assert client.live(sample(T, 0, 4.0), good) == 2
    assert client.live(old, other) == 2
    assert Client(store).live(old) == 0, "the same once more"
    upkeep.take_in()
    client = Client(store)
    assert client.live(old, other) == 0
    assert client.live(good) == 1
    assert Client(store).live(good) == 0
    assert Client(store).live(sample(T, 2, 6.0), sample(T, 2, 7.0), sample(T, 2, 7.0)) == 2
    assert told(reader) == [(4.0, 0, 0), (5.0, 0, 0), (5.0, OLD, 1), (5.0, 0, 2), (6.0, 0, 0), (7.0, 0, 1)]
    assert reader.newest(T).plain == [7.0]


def test_it_is_so_for_texts_and_for_what_is_bad(store: Store, reader: Reader) -> None:
    store.declare([*SIGNALS, text := SignalInfo("R101.Text", "", 12)])
    rows = [sample(text.name, 1, "a"), sample(text.name, 1, "b"), sample(text.name, 1, None, quality.BAD)]
    assert [Client(store).live(row) for row in (*rows, rows[-1])] == [1, 1, 1, 0]
    assert [value for value, *_ in told(reader, text.name)] == ["a", "b", None]


def test_info_bits_make_no_other_sample(store: Store, reader: Reader) -> None:
    client, overflow = Client(store), 0x480
    assert client.live(sample(T, 1, 5.0, overflow)) == 1
    assert client.read_back(sample(T, 1, 5.0)) == 0
    assert values(reader) == [5.0]


def test_an_old_sample_stays_where_it_was(store: Store, reader: Reader) -> None:
    client = Client(store)
    assert client.live(sample(T, 1, 1.0), sample(T, 9, 9.0)) == 2
    assert client.live(sample(T, 5, 5.0)) == 1
    assert Client(store).live(sample(T, 5, 5.0)) == 0
    assert values(reader) == [1.0, 5.0, 9.0]


def test_what_changed_with_the_same_time_meanwhile_is_read_back(store: Store, reader: Reader) -> None:
    history = [sample(T, 1, 5.0), sample(T, 1, 5.0, OLD), sample(T, 1, 5.0), sample(T, 2, 6.0)]
    assert Client(store).live(history[0]) == 1
    client = Client(store)
    assert client.live(history[-1]) == 1
    assert [client.read_back(each) for each in history] == [0, 1, 1, 0], "each in a page of its own"
    assert Client(store).read_back(*history) == 0
    assert told(reader) == [(5.0, 0, 0), (5.0, OLD, 1), (5.0, 0, 2), (6.0, 0, 0)]


def test_what_came_live_first_is_followed_by_what_was_before_it(store: Store, reader: Reader) -> None:
    """It stands there twice then: what comes last has to stand last."""
    client = Client(store)
    assert client.live(sample(T, 1, 5.0, OLD)) == 1
    assert client.read_back(sample(T, 1, 5.0), sample(T, 1, 5.0, OLD)) == 2
    assert client.live(sample(T, 1, 5.0)) == 1
    assert [status for _, status, _ in told(reader)] == [OLD, 0, OLD, 0]


def test_a_time_that_never_changes_loses_no_value(store: Store, reader: Reader, upkeep: Upkeep) -> None:
    client = Client(store)
    for value in range(3000):
        if value % 100 == 0:
            upkeep.take_in()
            client = Client(store)
        assert client.live(sample(T, 1, float(value % 2))) == 1
    assert values(reader) == [float(value % 2) for value in range(3000)]


def test_what_the_disk_refuses_stands_where_it_would_have(
    store: Store, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk is full")

    client, rows = Client(store), (sample(T, 1, 1.0), sample(T, 1, 2.0))
    with monkeypatch.context() as patch:
        patch.setattr(log, "append", refuses)
        with pytest.raises(sqlite3.OperationalError):
            client.live(*rows)
    assert client.live(*rows) == 2
    assert told(reader) == [(1.0, 0, 0), (2.0, 0, 1)]


Steps = list[tuple[int, int]]


def follow(states: Sequence[Sample], steps: Steps) -> list[Scalar | None]:
    """Have a server go through its states, and a historian come and go; return what is stored in the end."""
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Store(Path(folder) / "history")) as store:
        store.declare(SIGNALS)
        client, sent, read, begin, is_filled = Client(store), 0, 0, 0, True
        for what, many in [*steps, (2, 0), (0, len(states)), (1, len(states))]:
            if what == 0:  # live samples
                for each in states[sent : sent + many]:
                    client.live(each)
                sent = min(sent + many, len(states))
            elif what == 1:  # a page of the history, up to what has happened
                missed = [each for each in states[:sent] if each.source_time >= begin]
                client.read_back(*missed[read : read + many])
                read += many
                is_filled |= read >= len(missed)
            else:  # away while some happens; then the present state comes first, and a gap begins where it began
                begin = store.newest().get(T, (0, 0))[1] - 10_000 if is_filled else begin
                sent, read, is_filled = min(sent + many, len(states)), 0, False
                client = Client(store)
                if sent:
                    client.live(states[sent - 1])
        with contextlib.closing(Reader(Path(folder) / "history")) as reader:
            return values(reader)


STEPS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), max_size=20)


@settings(max_examples=60)
@given(STEPS, st.integers(1, 30))
def test_samples_with_times_of_their_own_are_there_once(steps: Steps, count: int) -> None:
    states = [sample(T, second / 10, float(second % 3)) for second in range(count)]
    assert follow(states, steps) == [each.value for each in states]


@settings(max_examples=150)
@given(STEPS, st.lists(st.tuples(st.integers(0, 1), st.booleans()), min_size=1, max_size=30))
def test_no_change_is_lost(steps: Steps, changes: list[tuple[int, bool]]) -> None:
    """Each state is another value than the one before it, half of them with the same time."""
    seconds = itertools.accumulate(ahead for ahead, _ in changes)
    states = [
        sample(T, second, float(2 * place + is_even))
        for place, (second, (_, is_even)) in enumerate(zip(seconds, changes, strict=True))
    ]
    found = iter(follow(states, steps))
    assert all(any(value == each.value for value in found) for each in states), "all of them, in this order"


def test_what_is_stored_is_at_least_at_the_time_that_it_came_with(store: Store, reader: Reader) -> None:
    client = Client(store)
    client.live(*(sample(T, 1, float(value)) for value in range(5)))
    assert [each.source_time - T0 - 10_000_000 for each in reader.raw(T, 0, 2**62)] == [0, 1, 2, 3, 4]
