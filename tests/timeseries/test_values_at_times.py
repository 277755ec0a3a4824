"""Values at times: what one is does not depend on which others are asked, and many take no long time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.aggregates import STANDARD, AggregateConfiguration, Series, at_times
from timeseries.aggregating import values_at
from timeseries.columns import Columns
from timeseries.reader import Reader
from timeseries.signals import SignalInfo
from timeseries.spans import FAR, LONG, series_of
from timeseries.store import Store
from timeseries.uniting import Recorded

from .conftest import T0

S = TICKS_PER_SECOND
COUNT = 120
SLOPED, STEPPED = "R101.T", "R101.TIC101.SP"
SPREAD = 20 * FAR
"""Over which samples are strewn."""
Key = tuple[object, int]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Samples, many Bad or Uncertain, near each other and far; some times twice, in two epochs."""
    folder: Path = tmp_path_factory.mktemp("store") / "history"
    store = Store(folder)
    store.declare([SignalInfo(SLOPED, "K", 11), SignalInfo(STEPPED, "K", 11, stepped=True)])
    random = np.random.default_rng(3)
    odd = [0, 0, quality.BAD_SENSOR_FAILURE, quality.UNCERTAIN, quality.BAD_NO_DATA]
    for name in (SLOPED, STEPPED):
        number = int(store.numbers([name])[0])
        times = T0 + np.sort(np.where(random.random(COUNT) < 0.5, FAR, SPREAD) * random.random(COUNT)).astype(np.int64)
        for epoch, chosen in ((0, times), (1, times[::7])):
            statuses = random.choice(odd, len(chosen))
            words = np.where(statuses < quality.BAD, random.normal(350, 2, len(chosen)).view(np.int64), 0)
            store.append(
                Columns.of(len(chosen), signals=number, times=chosen, epochs=epoch, statuses=statuses, words=words)
            )
    store.close()
    return Reader(folder)


def answers(
    reader: Reader, name: str, times: list[int], configuration: AggregateConfiguration, simple: bool
) -> list[Key]:
    wanted = np.array(times, np.int64)
    found = values_at(reader.history, *reader.find(name), wanted, simple=simple, configuration=configuration)
    rows = zip(found.values.tolist(), found.statuses.tolist(), strict=True)
    return [(None if quality.is_bad(status) else value, status) for value, status in rows]


PLACES = some.one_of(
    some.integers(0, COUNT - 1).map(lambda place: (place, 0)),
    some.tuples(some.just(None), some.integers(-FAR, SPREAD + FAR)),
    some.tuples(some.just(None), some.integers(-100 * LONG, 100 * LONG)),
)
CONFIGURATIONS = some.builds(
    AggregateConfiguration, treat_uncertain_as_bad=some.booleans(), use_sloped_extrapolation=some.booleans()
)


@settings(max_examples=150)
@given(
    name=some.sampled_from([SLOPED, STEPPED]),
    places=some.lists(PLACES, min_size=1, max_size=12),
    configuration=CONFIGURATIONS,
    simple=some.booleans(),
)
def test_alone_and_together_they_are_the_same_and_those_of_all_samples(
    reader: Reader, name: str, places: list[tuple[int | None, int]], configuration: AggregateConfiguration, simple: bool
) -> None:
    number, info = reader.find(name)
    samples = reader.history.read(number, info, 0, 2**62)
    times = [T0 + shift if place is None else int(samples.times[place]) for place, shift in places]
    together = answers(reader, name, times, configuration, simple)
    assert together == [answers(reader, name, [each], configuration, simple)[0] for each in times]
    whole = whole_series(info, samples, min(max(times), reader.newest_time()))
    found = at_times(np.array(times), [(np.arange(len(times)), whole)], simple=simple, configuration=configuration)
    assert [status for _, status in together] == found.statuses.tolist()
    assert [value for value, status in together if status < quality.BAD] == [
        value
        for value, status in zip(found.values.tolist(), found.statuses.tolist(), strict=True)
        if status < quality.BAD
    ]


@pytest.mark.parametrize("name", [SLOPED, STEPPED])
@pytest.mark.parametrize("simple", [False, True])
def test_many_times_in_front_of_all_samples_and_behind_are_as_each_alone(
    reader: Reader, name: str, simple: bool
) -> None:
    far = [T0 + side * (SPREAD + place * LONG) for place in range(1, 200) for side in (-1, 1)]
    times = [*far[:100], T0 + FAR, *far[100:]]
    alone = [answers(reader, name, [each], STANDARD, simple)[0] for each in times]
    assert answers(reader, name, times, STANDARD, simple) == alone
    assert {alone[place][1] for place in (0, -2)} == {quality.BAD_NO_DATA}


class Counted:
    """A history, and how often it was asked."""

    def __init__(self, history: Recorded) -> None:
        self.history, self.looks = history, 0
        self.cuts = history.cuts

    def read(self, *asked: Any, **options: Any) -> Columns:
        self.looks += 1
        return self.history.read(*asked, **options)

    def pages(self, *asked: Any, **options: Any) -> Iterator[Columns]:
        self.looks += 1
        return self.history.pages(*asked, **options)


@pytest.mark.parametrize("side", [-1, 1])
def test_all_times_on_one_side_of_the_samples_take_one_look(reader: Reader, side: int) -> None:
    looks = []
    for count in (1, 1000):
        counted = Counted(reader.history)
        times = T0 + side * (SPREAD + np.arange(1, count + 1) * LONG)
        assert len(values_at(counted, *reader.find(SLOPED), times, simple=True).values) == count
        looks.append(counted.looks)
    assert looks[0] == looks[1]


def whole_series(info: SignalInfo, samples: Columns, covered_to: int) -> Series:
    latest = np.append(samples.times[1:] != samples.times[:-1], True)
    return series_of(info, samples.take(latest), covered_to)


@pytest.mark.parametrize("apart", [3 * S, 600 * S])
def test_a_thousand_times_take_no_second(reader: Reader, apart: int) -> None:
    began = time.perf_counter()
    found = reader.at(SLOPED, [T0 + place * apart for place in range(1000)], STANDARD)
    assert len(found) == 1000
    assert time.perf_counter() - began < 2.0


def test_of_a_signal_without_samples_there_is_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "history")
    store.declare([SignalInfo(SLOPED, "K", 11)])
    store.close()
    empty = Reader(tmp_path / "history")
    assert empty.at(SLOPED, [T0]).statuses.tolist() == [quality.BAD_NO_DATA]
    assert empty.aggregated(SLOPED, T0, T0 + S, 0, "Count").statuses.tolist() == [quality.BAD_NO_DATA]


@pytest.mark.parametrize(
    ("data_type", "low", "high"),
    [(3, 0, 2**8 - 1), (4, -(2**15), 2**15 - 1), (8, -(2**63), 2**63 - 1), (9, 0, 2**64 - 1)],
)
def test_what_is_computed_of_an_integer_stays_within_its_type(data_type: int, low: int, high: int) -> None:
    of_number = SignalInfo("R101.Count", "", data_type).of_number
    assert [of_number(number) for number in (-1e30, float(low), 2.6, float(high), 1e30)] == [low, low, 3, high, high]
