"""Whole columns, and parts of long intervals, give what one interval at a time gives, sample by sample."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from plant import quality
from plant.clock import TICKS_PER_SECOND as S
from timeseries.aggregates import (
    FUNCTIONS,
    Aggregate,
    AggregateConfiguration,
    Intervals,
    Long,
    Series,
    aggregates,
)

from .conftest import Row, results_of
from .slow_aggregates import Slow
from .slow_interval import MILLISECOND, Point

STATUSES = st.sampled_from(
    [quality.GOOD] * 5
    + [quality.BAD_SENSOR_FAILURE, quality.BAD, quality.UNCERTAIN_LAST_USABLE_VALUE, quality.UNCERTAIN]
    + [quality.BAD_NO_DATA]
)


@st.composite
def points(draw: st.DrawFn) -> list[Point]:
    """Samples on whole and on odd times, of few values, so that many are alike and some stand at edges."""
    times = draw(
        st.sets(st.integers(0, 40) | st.integers(0, 400).map(lambda tenth: tenth / 10), min_size=1, max_size=14)
    )
    drawn = [(round(time * S), draw(st.integers(-3, 3)), draw(STATUSES)) for time in sorted(times)]
    return [Point(time, float(value), status) for time, value, status in drawn]


@st.composite
def configurations(draw: st.DrawFn) -> AggregateConfiguration:
    bad = draw(st.sampled_from([100, 50, 30, 0]))
    good = draw(st.sampled_from([each for each in (100, 70, 50, 0) if each >= 100 - bad]))
    return AggregateConfiguration(draw(st.booleans()), bad, good, draw(st.booleans()))


@settings(max_examples=150)
@given(
    points(),
    st.booleans(),
    configurations(),
    st.tuples(st.integers(-5, 45), st.integers(-5, 45)).filter(lambda span: span[0] != span[1]),
    st.sampled_from([0, 3, 7, 10, 50]),
    st.integers(1, 4),
)
def test_columns_agree_with_the_slow_way(
    samples: list[Point],
    stepped: bool,
    configuration: AggregateConfiguration,
    span: tuple[int, int],
    interval: int,
    every: int,
) -> None:
    rows = [(p.time, None if quality.is_bad(p.status) else p.value, p.status) for p in samples]
    series = Series.of(rows, stepped=stepped)
    start, end = (second * S for second in span)
    begun = list(itertools.dropwhile(lambda point: point.status == quality.BAD_NO_DATA, samples))
    assume(begun)
    step = min(interval * S, abs(end - start)) or abs(end - start)
    slow = [
        Slow(begun, *edges, end < start, stepped, configuration, rest=edges[1] - edges[0] < step)
        for edges in intervals(start, end, step)
    ]
    for name in FUNCTIONS:
        wanted = [each.answer(name) for each in slow]
        for results in (
            results_of(aggregates(series, start, end, interval * S, name, configuration)),
            in_parts(series, Intervals.between(start, end, interval * S), Aggregate(name, configuration), every),
        ):
            assert [(r.time, hex(r.status), r.start) for r in results] == [
                (time, hex(status), each.stamp) for (time, _, status), each in zip(wanted, slow, strict=True)
            ], name
            for result, (_, value, _) in zip(results, wanted, strict=True):
                assert result.value == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)), name


def in_parts(series: Series, intervals: Intervals, aggregate: Aggregate, every: int) -> list[Row]:
    """Return each interval's result, its samples taken some at a time."""
    found = []
    for row in range(len(intervals.low)):
        interval = intervals[row : row + 1]
        low, high = int(interval.low[0]), int(interval.high[0])
        long = Long(aggregate, interval)
        for cut in series.times[::every].tolist():
            if low < cut < high:
                long.take(series, cut)
        long.take(series, high)
        found += results_of(long.result())
    return found[::-1] if intervals.backward else found


def intervals(start: int, end: int, step: int) -> list[tuple[int, int]]:
    """Return (low, high) of each, as time flows."""
    if start < end:
        return [(low, min(low + step, end)) for low in range(start, end, step)]
    return [(max(high - step, end), high) for high in range(start, end, -step)]


def test_the_slow_way_knows_every_aggregate() -> None:
    assert all(hasattr(Slow, f"do_{name.lower()}") for name in FUNCTIONS)
    assert MILLISECOND * 1000 == S
