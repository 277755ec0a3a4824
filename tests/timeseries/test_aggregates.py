"""Aggregates over one signal, by hand-made examples."""

from __future__ import annotations

import pytest

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.aggregates import Series, aggregate, interpolated

S = TICKS_PER_SECOND
GOOD, BAD = quality.GOOD, quality.BAD_SENSOR_FAILURE
SLOPED = Series.of([(0, 0.0, GOOD), (10 * S, 10.0, GOOD), (20 * S, 0.0, GOOD)], stepped=False)
STEPPED = Series.of([(0, 1, GOOD), (4 * S, 2, GOOD), (10 * S, 5, GOOD)], stepped=True)
GAPPED = Series.of([(0, 2.0, GOOD), (5 * S, None, BAD), (15 * S, 4.0, GOOD), (20 * S, 4.0, GOOD)], stepped=True)


def only(series: Series, function: str, start: int = 0, end: int = 20) -> tuple[object, int]:
    (result,) = aggregate(series, start * S, end * S, (end - start) * S, function)
    return result.value, result.status


@pytest.mark.parametrize(
    ("series", "function", "span", "value"),
    [
        (SLOPED, "TimeAverage", (0, 20), 5.0),
        (SLOPED, "TimeAverage", (5, 15), 7.5),
        (SLOPED, "Interpolative", (5, 15), 5.0),
        (SLOPED, "Maximum", (0, 20), 10.0),
        (SLOPED, "Minimum", (0, 20), 0.0),
        (SLOPED, "Average", (0, 20), 5.0),
        (SLOPED, "Count", (0, 20), 2),
        (SLOPED, "Total", (0, 20), 100.0),
        (STEPPED, "TimeAverage", (0, 10), 1.6),
        (STEPPED, "Start", (0, 10), 1),
        (STEPPED, "End", (0, 10), 2),
        (GAPPED, "DurationGood", (0, 20), 10_000.0),
        (GAPPED, "PercentGood", (0, 20), 50.0),
        (GAPPED, "TimeAverage", (0, 20), 3.0),
    ],
)
def test_an_interval(series: Series, function: str, span: tuple[int, int], value: float) -> None:
    assert only(series, function, *span)[0] == pytest.approx(value)


def test_each_interval_begins_where_the_last_ended() -> None:
    results = aggregate(SLOPED, 0, 20 * S, 5 * S, "TimeAverage")
    assert [(result.time // S, result.value) for result in results] == [(0, 2.5), (5, 7.5), (10, 7.5), (15, 2.5)]


def test_nothing_known_is_bad_no_data() -> None:
    value, status = only(SLOPED, "TimeAverage", -20, -10)
    assert value is None
    assert status == quality.BAD_NO_DATA


def test_a_partly_bad_interval_says_so() -> None:
    assert not quality.is_bad(only(GAPPED, "TimeAverage")[1])
    assert only(GAPPED, "TimeAverage")[1] != GOOD
    assert quality.is_bad(only(GAPPED, "TimeAverage", 6, 14)[1])


@pytest.mark.parametrize(("time", "value"), [(2, 2.0), (10, 10.0), (15, 5.0)])
def test_between_samples(time: int, value: float) -> None:
    assert interpolated(SLOPED, time * S) == (value, GOOD)


def test_behind_the_last_sample_the_value_is_held_and_uncertain() -> None:
    assert interpolated(SLOPED, 25 * S) == (0.0, quality.UNCERTAIN_DATA_SUB_NORMAL)
    assert interpolated(SLOPED, -1) == (None, quality.BAD_NO_DATA)


def test_an_unknown_aggregate_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="TimeAverage"):
        aggregate(SLOPED, 0, 20 * S, S, "Mean")
    with pytest.raises(ValueError, match="interval"):
        aggregate(SLOPED, 0, 20 * S, 0, "TimeAverage")
