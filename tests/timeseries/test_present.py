"""What is set holds up to the newest sample of any signal; behind this present it is not known (§3.1.9)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from plant import quality
from plant.clock import TICKS_PER_SECOND
from plant.sample import Sample
from timeseries.aggregates import Aggregate, Intervals
from timeseries.aggregating import aggregated, values_at
from timeseries.columns import Columns
from timeseries.reader import Reader
from timeseries.reading import History
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import at, put, sample

T, SP, CAUSE = "R101.T", "R101.TIC101.SP", "R101.Detector.Cause"
DAY = 86_400
NOW = 100.0
SAMPLES = [
    sample(SP, 0, 350.0),
    sample(SP, 40, 360.0),
    sample(CAUSE, 0, "T high"),
    *(sample(T, second, 300.0) for second in np.arange(0.0, NOW + 1, 5).tolist()),
]
HELD, UNCERTAIN = quality.INTERPOLATED, quality.UNCERTAIN_DATA_SUB_NORMAL | quality.INTERPOLATED


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with closing(Store(folder)) as store:
        store.declare(
            [SignalInfo(T, "K", 11), SignalInfo(SP, "K", 11, stepped=True), SignalInfo(CAUSE, "", 12, stepped=True)]
        )
        yield store


@pytest.fixture(params=["logged", "archived", "both"])
def reader(request: pytest.FixtureRequest, store: Store, folder: Path) -> Iterator[Reader]:
    half = {"logged": 0, "archived": len(SAMPLES), "both": len(SAMPLES) - 4}[request.param]
    put(store, *SAMPLES[:half])
    with closing(Upkeep(folder)) as upkeep:
        upkeep.take_in()
    put(store, *SAMPLES[half:])
    with closing(Reader(folder)) as reader:
        yield reader


def aggregate(reader: Reader, name: str, start: float, end: float, function: str) -> tuple[object, int]:
    found = reader.aggregated(name, at(start), at(end), 0, function)
    status = int(found.statuses[0])
    return None if quality.is_bad(status) else found.values[0], status


def value_at(reader: Reader, name: str, second: float, *, simple: bool = True) -> tuple[object, int]:
    found = values_at(reader.history, *reader.find(name), np.array([at(second)]), simple=simple)
    status = int(found.statuses[0])
    return None if quality.is_bad(status) else found.values[0], status


@pytest.mark.parametrize("function", ["TimeAverage", "TimeAverage2", "PercentGood", "EndBound", "Maximum2", "Count"])
@pytest.mark.parametrize(("start", "end"), [(NOW + 1, NOW + 60), (DAY, 2 * DAY), (2 * DAY, DAY)])
def test_of_tomorrow_there_is_no_data(reader: Reader, function: str, start: float, end: float) -> None:
    assert aggregate(reader, SP, start, end, function) == (None, quality.BAD_NO_DATA)


@pytest.mark.parametrize("span", [(50.0, NOW), (NOW, 50.0), (50.0, 70.0)])
def test_up_to_the_present_it_is_good(reader: Reader, span: tuple[float, float]) -> None:
    assert aggregate(reader, SP, *span, "TimeAverage") == (360.0, quality.CALCULATED)
    assert aggregate(reader, SP, *span, "PercentGood") == (100.0, quality.CALCULATED)
    assert aggregate(reader, CAUSE, *span, "PercentGood") == (100.0, quality.CALCULATED)


@pytest.mark.parametrize("name", [SP, CAUSE])
def test_half_behind_it_only_the_other_half_is_known(reader: Reader, name: str) -> None:
    partial = quality.CALCULATED | quality.PARTIAL
    good, status = aggregate(reader, name, 50, 150, "DurationGood")
    assert (good, status) == (pytest.approx(50_000.0, abs=1.001), partial)
    # What is behind the end of data is no part of a percentage, of measured signals neither.
    assert aggregate(reader, name, 50, 150, "PercentGood") == (100.0, partial)
    assert aggregate(reader, T, 50, 150, "PercentGood") == (100.0, partial)
    if name == SP:
        assert aggregate(reader, name, 50, 150, "TimeAverage2") == (360.0, partial)
        uncertain = quality.UNCERTAIN_DATA_SUB_NORMAL | partial
        assert aggregate(reader, name, 50, 150, "TimeAverage") == (360.0, uncertain)


@pytest.mark.parametrize(("name", "value"), [(SP, 360.0), (CAUSE, "T high")])
def test_values_at_times(reader: Reader, name: str, value: object) -> None:
    for simple in (True, False):
        assert value_at(reader, name, 70, simple=simple) == (value, HELD)
        assert value_at(reader, name, NOW, simple=simple) == (value, HELD)
    for second in (NOW + 1 / TICKS_PER_SECOND, NOW + 1, DAY):
        assert value_at(reader, name, second) == (None, quality.BAD_NO_DATA)
        assert value_at(reader, name, second, simple=False) == (value, UNCERTAIN)
    together = reader.at(name, [at(second) for second in (DAY, 70, NOW + 1, NOW)])
    assert together.statuses.tolist() == [quality.BAD_NO_DATA, HELD, quality.BAD_NO_DATA, HELD]


def test_intervals_alone_and_together_are_the_same(reader: Reader) -> None:
    for function in ("TimeAverage", "TimeAverage2", "PercentGood", "DurationGood", "EndBound"):
        whole = reader.aggregated(SP, at(-20), at(200), 30 * TICKS_PER_SECOND, function)
        each = [aggregate(reader, SP, start, min(start + 30, 200), function) for start in range(-20, 200, 30)]
        known = [None if bad else value for value, bad in zip(whole.values, whole.is_bad, strict=True)]
        assert known == [value for value, _ in each]
        # Alone, what is left over is not known as that.
        assert whole.statuses.tolist()[:-1] == [status for _, status in each][:-1]


def test_it_is_that_of_the_newest_epoch_but_never_before_its_own_last_sample(store: Store, folder: Path) -> None:
    put(store, *SAMPLES, sample(T, 60, 300.0, epoch=1))
    with closing(Reader(folder)) as reader:
        assert value_at(reader, SP, 60) == (360.0, HELD)
        assert value_at(reader, SP, 70) == (None, quality.BAD_NO_DATA)
        put(store, sample(T, 20, 300.0, epoch=2))
        assert value_at(reader, SP, 30) == (350.0, HELD)
        assert value_at(reader, SP, 40) == (360.0, quality.GOOD)
        assert value_at(reader, SP, 50) == (None, quality.BAD_NO_DATA)


def test_what_waits_for_the_disk_counts(store: Store, folder: Path) -> None:
    put(store, *SAMPLES)
    waiting: list[Columns] = []
    with closing(History(folder, unwritten=lambda: list(waiting))) as history:
        (number,), info = store.numbers([SP]).tolist(), SignalInfo(SP, "K", 11, stepped=True)
        asked = (history, number, info, Intervals.between(at(NOW), at(NOW + 20), 0), Aggregate("PercentGood"))
        assert aggregated(*asked).statuses.tolist() == [quality.CALCULATED | quality.PARTIAL]
        waiting.append(store.columns([Sample(at(NOW + 20), T, 300.0, quality.GOOD, at(NOW + 20))]))
        assert history.newest_time() == at(NOW + 20)
        assert aggregated(*asked).statuses.tolist() == [quality.CALCULATED]


def test_a_signal_that_was_of_another_type_before_has_the_same_present(store: Store, folder: Path) -> None:
    put(store, *SAMPLES)
    store.declare([SignalInfo(SP, "K", 6, stepped=True)])
    put(store, sample(SP, 90, 370))
    with closing(Reader(folder)) as reader:
        assert aggregate(reader, SP, 80, NOW, "PercentGood") == (100.0, quality.CALCULATED)
        assert aggregate(reader, SP, 50, 150, "DurationGood")[0] == pytest.approx(50_000.0, abs=1.001)
        assert reader.at(SP, [at(NOW), at(NOW + 1)]).statuses.tolist() == [HELD, quality.BAD_NO_DATA]


def test_without_samples_there_is_none(store: Store, folder: Path) -> None:
    with closing(Reader(folder)) as reader:
        assert reader.newest_time() == 0
        assert aggregate(reader, SP, 0, 10, "Count") == (None, quality.BAD_NO_DATA)
