"""What is remembered around samples that come late: few reads, bounded memory, and nothing stored otherwise for it."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant import quality
from plant.sample import Sample
from timeseries import archive, nearby
from timeseries.columns import Columns
from timeseries.nearby import Nearby, Span
from timeseries.reader import Reader
from timeseries.same_times import SameTimes
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import T0, at, sample, values

MANY = [SignalInfo(f"P.S{number}", "", 11) for number in range(20)]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One more each time that somebody asks how far the archive is, as each read does."""
    found: list[object] = []
    progress = archive.progress

    def counted(connection: object) -> int:
        found.append(connection)
        return progress(connection)  # type: ignore[arg-type]

    monkeypatch.setattr(archive, "progress", counted)
    return found


def scan(second: float, value: float) -> list[Sample]:
    return [sample(info.name, second, value) for info in MANY]


@pytest.mark.parametrize("where", ["log", "archive", "segment"])
def test_a_clock_that_was_set_back_costs_few_reads(
    store: Store, upkeep: Upkeep, reader: Reader, looks: list[object], where: str
) -> None:
    store.declare(MANY)
    same_times = SameTimes({})
    for second in [*range(20), 3600]:
        assert len(store.append(store.columns(scan(second, second)), same_times=same_times)) == len(MANY)
    if where != "log":
        upkeep.take_in()
    if where == "segment":
        store.append(store.columns(scan(7200, 7200)), same_times=same_times)
        upkeep.take_in()
        assert upkeep.seal(at(3601)) is not None
    looks.clear()
    for second in range(40):
        late = scan(0.5 + second / 2, 0.5 + second / 2)
        again = 0 if second % 2 and second < 39 else len(MANY)
        assert len(store.append(store.columns(late), same_times=same_times)) == again, "what is there is known"
        assert not len(store.append(store.columns(late), same_times=same_times)), "what has just come, too"
    assert len(looks) < 2 * len(MANY), "less than one read a signal, where 80 notifications came"
    late_ones = [0.5 + second for second in range(20)] + [20.0]
    ahead = [3600.0, *([7200.0] if where == "segment" else [])]
    for info in MANY:
        assert values(reader, info.name) == [*sorted([*range(20), *late_ones]), *ahead]


def test_a_signal_whose_type_changed_costs_no_more(store: Store, looks: list[object]) -> None:
    store.declare(MANY)
    same_times = SameTimes({})
    store.append(store.columns(scan(3600, 1.0)), same_times=same_times)
    store.declare([SignalInfo(info.name, "", 6) for info in MANY])
    looks.clear()
    for second in range(40):
        late = [sample(info.name, second, second) for info in MANY]
        assert len(store.append(store.columns(late), same_times=same_times)) == len(MANY)
    assert len(looks) < 2 * len(MANY)


def test_what_came_while_a_signal_had_another_type_is_known_when_it_has_the_first_again(store: Store) -> None:
    same_times = SameTimes({})

    def append(data_type: int, second: float) -> int:
        store.declare([SignalInfo("R102.T", "", data_type)])
        return len(store.append(store.columns([sample("R102.T", second, second)]), same_times=same_times))

    assert [append(11, 3600), append(11, 1), append(6, 2), append(11, 2), append(6, 1)] == [1, 1, 1, 0, 0]


class Stored:
    """What a store has of signals: times, each with a value that is the time; and what was read of it."""

    def __init__(self, times: Mapping[int, list[int]]) -> None:
        self.times = times
        self.spans: list[Mapping[int, Span]] = []

    def read(self, spans: Mapping[int, Span]) -> dict[int, Columns]:
        self.spans.append(spans)
        return {
            signal: rows(signal, [time for time in self.times.get(signal, []) if low <= time < high])
            for signal, (low, high) in spans.items()
        }


def rows(signal: int, times: list[int]) -> Columns:
    return Columns.of(len(times), signals=signal, times=times, words=times)


def look(known: Nearby, *places: Span) -> None:
    known.look(np.array([signal for signal, _ in places]), np.array([time for _, time in places]))


def test_what_is_not_known_is_read_in_one_go() -> None:
    stored = Stored({1: [5, 10], 2: [7]})
    known = Nearby(stored.read)
    look(known, (1, 10), (2, 3), (1, 4))
    look(known, (1, 4), (2, nearby.AHEAD))
    assert [set(spans) for spans in stored.spans] == [{1, 2}]
    assert known.has(Columns.joined([rows(1, [5, 6, 10]), rows(2, [7, 10])])) == [True, False, True, True, False]
    assert known.around(1, 3) is None
    look(known, (1, 3), (2, 3))
    assert [set(spans) for spans in stored.spans] == [{1, 2}, {1}]


def test_a_window_ends_where_it_has_enough_but_not_before_what_is_looked_at() -> None:
    dense = list(range(0, 40_000, 40))
    stored = Stored({1: dense})
    known = Nearby(stored.read)
    known.forget(nearby.MOST)
    look(known, (1, 0))
    assert known.around(1, nearby.AROUND) is not None, "as many as may stand there for having its time"
    assert known.around(1, nearby.AROUND + 40) is None
    look(known, (1, 0), (1, 30_000))
    assert known.has(rows(1, [30_000, 30_001])) == [True, False]


def test_what_is_remembered_is_bounded() -> None:
    known = Nearby(Stored({}).read)
    known.forget(nearby.MOST)
    look(known, (1, 0))
    for time in range(2 * nearby.LEAST):
        known.note(rows(1, [time]))
    assert len(known.around(1, 0) or ()) == 2 * nearby.LEAST
    known.note(rows(1, [2 * nearby.LEAST]))
    assert known.around(1, 0) is None
    look(known, (1, 0), (2, 0))
    known.note(Columns.joined([rows(1, [nearby.AHEAD + 1]), rows(2, [1])]))
    assert known.around(1, 0) is None, "its signal has gone on"
    assert known.around(2, 0) == {(0, 1): (0, 1, None)}
    known.forget(1)
    assert known.around(2, 0) is None


def test_long_texts_are_told_apart(store: Store) -> None:
    store.declare([SignalInfo("R101.Text", "", 12)])
    same_times = SameTimes({})

    def append(second: float, text: str) -> int:
        return len(store.append(store.columns([sample("R101.Text", second, text)]), same_times=same_times))

    long = "a" * nearby.LONG
    texts = [long, long + "a", long + "b", long + "a", long]
    assert [append(3600, ""), *(append(1, text) for text in texts)] == [1, 1, 1, 1, 1, 1]
    assert not len(store.append(store.columns([sample("R101.Text", 1, texts[1])]), same_times=SameTimes()))


@pytest.fixture(scope="module")
def little() -> Iterator[None]:
    """Windows that are left often."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("AHEAD", 6), ("AROUND", 2), ("MOST", 12), ("LEAST", 3)):
            patch.setattr(nearby, name, value)
        yield


Steps = list[tuple[str, list[tuple[str, int, int, int]]]]
Plain = list[tuple[object, ...]]
NAMES = ("R101.T", "R102.T")
SAMPLES = st.tuples(st.sampled_from(NAMES), st.integers(0, 40), st.integers(0, 2), st.sampled_from([0, 0, 0, 1]))
KEPT = [quality.GOOD, quality.UNCERTAIN_LAST_USABLE_VALUE]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["ours", "live", "back"]), st.lists(SAMPLES, min_size=1, max_size=8)),
        st.tuples(st.sampled_from(["archive", "seal", "type", "again"]), st.just([])),
    ),
    max_size=25,
)


@pytest.mark.usefixtures("little")
@settings(max_examples=150)
@given(STEPS)
def test_what_is_stored_is_what_would_be_if_nothing_were_remembered(steps: Steps) -> None:
    with tempfile.TemporaryDirectory() as folder:
        remembering, forgetting = (follow(Path(folder) / name, steps, forgets=name == "b") for name in "ab")
    assert remembering == forgetting


def follow(folder: Path, steps: Steps, *, forgets: bool) -> list[Plain]:
    """Return what each append stored, and all that is there in the end."""
    types = itertools.cycle([6, 11])
    found: list[Plain] = []
    with contextlib.closing(Store(folder)) as store, contextlib.closing(Upkeep(folder)) as upkeep:
        store.declare([SignalInfo(name, "", 11) for name in NAMES])
        streams: dict[str, SameTimes | None] = {}
        for what, some in [("again", []), *steps]:
            if what == "again":
                reached = store.newest()
                numbers = store.numbers(reached).tolist()
                live = SameTimes(dict(zip(numbers, reached.values(), strict=True)))
                streams = {"ours": None, "live": live, "back": SameTimes()}
            elif what == "archive":
                upkeep.take_in()
            elif what == "seal":
                upkeep.seal(T0 + 30)
            elif what == "type":
                store.declare([SignalInfo("R102.T", "", next(types))])
            else:
                if forgets:
                    store.declare([])
                samples = [
                    Sample(T0 + tick, name, value, KEPT[value % 2], T0, epoch) for name, tick, value, epoch in some
                ]
                fresh = store.append(store.columns(samples), same_times=streams[what])
                found.append(plain(store.samples(fresh)))
        with contextlib.closing(Reader(folder)) as reader:
            found += [plain(reader.raw(name, 0, 2**62)) for name in NAMES]
    return found


def plain(samples: list[Sample]) -> Plain:
    return [(each.signal, each.source_time, each.epoch, each.value, each.quality, each.seq) for each in samples]
