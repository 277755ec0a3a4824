"""Aggregates of a long span, and of a long interval, are computed in parts, and are what they are of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries import aggregating
from timeseries.aggregates import FUNCTIONS, OF_TEXT, Aggregate, AggregateConfiguration, Intervals, Series
from timeseries.aggregates.functions import AS_IS_STEPPED
from timeseries.columns import Columns
from timeseries.reader import Reader
from timeseries.reading import FOREVER, History
from timeseries.signals import SignalInfo
from timeseries.spans import Spans
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import T0, at, put, sample

COUNT = 12_000
BAD = quality.BAD_SENSOR_FAILURE
SLOPED, STEPPED, WIDE, TEXT = "R101.T", "R101.TIC101.SP", "R101.Wide", "R101.Text"
ASKED = {SLOPED: FUNCTIONS, STEPPED: FUNCTIONS, WIDE: AS_IS_STEPPED, TEXT: OF_TEXT}
CASES = [(name, function) for name, functions in ASKED.items() for function in sorted(functions)]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Samples at odd times, or on half seconds, where intervals begin; some Bad or Uncertain, a long Bad stretch, and a
    hole; a part is sealed. Some begin with no data for long, the counter wraps, and texts are often Bad in the end."""
    folder: Path = tmp_path_factory.mktemp("store") / "history"
    store, upkeep = Store(folder), Upkeep(folder)
    stepped = [SignalInfo(STEPPED, "K", 11, stepped=True), SignalInfo(WIDE, "", 9, stepped=True)]
    store.declare([SignalInfo(SLOPED, "K", 11), *stepped, SignalInfo(TEXT, "", 12, stepped=True)])
    random = np.random.default_rng(4)
    for name in ASKED:
        unit = TICKS_PER_SECOND // 2 if name in (SLOPED, TEXT) else 1
        times = T0 + np.cumsum(random.integers(1, 2 * TICKS_PER_SECOND // unit, COUNT)) * unit
        times[COUNT // 2 :] += 900 * TICKS_PER_SECOND
        odd = random.choice([BAD, quality.UNCERTAIN, quality.BAD_NO_DATA], COUNT)
        statuses = np.where(random.random(COUNT) < 0.02, odd, 0)
        statuses[2000:5500] = BAD
        if name in (STEPPED, WIDE):
            statuses[:1500] = quality.BAD_NO_DATA
        if name == TEXT:
            statuses[-2000::2] = BAD
        is_known, values = statuses < quality.BAD, np.rint(random.normal(350, 2, COUNT))
        counts = values.astype(np.int64) + np.where(np.arange(COUNT) < 8000, 2**60, 0)
        words = np.where(is_known, counts if name == WIDE else values.view(np.int64), 0)
        texts = {row: str(values[row]) for row in np.flatnonzero(is_known).tolist()} if name == TEXT else {}
        number = int(store.numbers([name])[0])
        columns = Columns.of(COUNT, texts, signals=number, times=times, statuses=statuses, words=words)
        for start in range(0, COUNT, 500):
            store.append(columns.take(np.arange(start, start + 500)))
    upkeep.take_in()
    upkeep.seal(T0 + 5000 * TICKS_PER_SECOND)
    upkeep.close()
    store.close()
    return Reader(folder)


@pytest.mark.parametrize(("name", "function"), CASES)
@pytest.mark.parametrize(
    ("start_s", "end_s", "interval_s"),
    [(-50, 13_500, 0), (0, 12_000, 60), (1000.5, 9000.1, 5000), (11_900, 30, 0), (11_900, 30, 700), (0, 12_000, 97)],
)
def test_parts_agree_with_the_whole(
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    function: str,
    start_s: float,
    end_s: float,
    interval_s: float,
) -> None:
    start, end = (T0 + round(each * TICKS_PER_SECOND) for each in (start_s, end_s))
    asked = (name, start, end, interval_s * TICKS_PER_SECOND, function)
    monkeypatch.setattr(aggregating, "AT_ONCE", 10**9)
    whole = reader.aggregated(*asked)
    monkeypatch.setattr(aggregating, "AT_ONCE", 1024)
    parts = reader.aggregated(*asked)
    assert parts.times.tolist() == whole.times.tolist()
    assert parts.statuses.tolist() == whole.statuses.tolist()
    known = ~whole.is_bad
    if whole.values.dtype == object:
        assert [*map(repr, parts.values[known])] == [*map(repr, whole.values[known])]
        return
    np.testing.assert_allclose(parts.values[known], whole.values[known], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("interval_s", [0, 60, 5000])
@pytest.mark.parametrize("backward", [False, True])
def test_a_step_is_of_so_many_samples(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, interval_s: int, backward: bool
) -> None:
    monkeypatch.setattr(aggregating, "AT_ONCE", 1024)
    number, info = reader.find(SLOPED)
    most: list[int] = []

    class Counted(Spans):
        def around(self, low: int, high: int) -> Series:
            most.append(len((series := super().around(low, high)).times))
            return series

    monkeypatch.setattr(aggregating, "Spans", Counted)
    span = (T0, T0 + 12_000 * TICKS_PER_SECOND)
    intervals = Intervals.between(*(reversed(span) if backward else span), interval_s * TICKS_PER_SECOND)
    steps = list(aggregating.in_steps(reader.history, number, info, intervals, Aggregate("Average")))
    assert len(steps) > 5
    assert max(most) < COUNT / 2


@pytest.mark.parametrize("sloped", [False, True])
def test_a_stretch_of_which_nothing_is_known_is_looked_through_once(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, sloped: bool
) -> None:
    monkeypatch.setattr(aggregating, "AT_ONCE", 500)
    number, info = reader.find(SLOPED)
    looked_at, pages = [], History.pages

    def counted(history: History, *args: Any, **kwargs: Any) -> Iterator[Columns]:
        for page in pages(history, *args, **kwargs):
            looked_at.append(len(page))
            yield page

    monkeypatch.setattr(History, "pages", counted)
    first, last = (int(time) for time in reader.page(SLOPED, T0, FOREVER, COUNT).times[[2000, 5499]])
    looked_at.clear()
    configuration = AggregateConfiguration(use_sloped_extrapolation=sloped)
    aggregate = Aggregate("DurationBad", configuration)
    steps = list(aggregating.in_steps(reader.history, number, info, Intervals.between(first, last, 0), aggregate))
    assert len(steps) >= 3
    assert sum(looked_at) < 2 * COUNT


def test_whether_the_first_sample_is_a_transition_tells_the_one_before(store: Store, folder: Path) -> None:
    values = [1.0, 1.0, None, 1.0, 2.0, 2.0, 2.0, 2.0]
    put(store, *(sample(SLOPED, second, value, 0 if value else BAD) for second, value in enumerate(values)))
    with closing(Reader(folder)) as reader:
        for start, wanted in ((0, 2), (1, 1), (2, 1), (3, 1), (4, 1), (4.5, 0), (5, 0)):
            found = reader.aggregated(SLOPED, at(start), at(7), 0, "NumberOfTransitions")
            assert found.plain == [wanted], start
