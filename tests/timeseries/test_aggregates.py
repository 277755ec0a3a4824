"""Aggregates over one signal, by hand-made examples."""

from __future__ import annotations

import time

import numpy as np
import pytest

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.aggregates import (
    FUNCTIONS,
    MOST_INTERVALS,
    AggregateConfiguration,
    Intervals,
    Series,
    aggregates,
    at_times,
)

from .conftest import Row, results_of

S = TICKS_PER_SECOND
GOOD, BAD = quality.GOOD, quality.BAD_SENSOR_FAILURE
SLOPED = Series.of([(0, 0.0, GOOD), (10 * S, 10.0, GOOD), (20 * S, 0.0, GOOD)], stepped=False)
STEPPED = Series.of([(0, 1, GOOD), (4 * S, 2, GOOD), (10 * S, 5, GOOD)], stepped=True)
GAPPED = Series.of([(0, 2.0, GOOD), (5 * S, None, BAD), (15 * S, 4.0, GOOD), (20 * S, 4.0, GOOD)], stepped=True)


def only(series: Series, function: str, start: int = 0, end: int = 20) -> tuple[object, int]:
    (result,) = results_of(aggregates(series, start * S, end * S, (end - start) * S, function))
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
        (STEPPED, "TimeAverage2", (0, 10), 1.6),
        (STEPPED, "Start", (0, 10), 1),
        (STEPPED, "End", (0, 10), 2),
        (GAPPED, "DurationGood", (0, 20), 10_000.0),
        (GAPPED, "PercentGood", (0, 20), 50.0),
        (GAPPED, "TimeAverage2", (0, 20), 3.0),
        (GAPPED, "TimeAverage", (0, 20), 3.25),
    ],
)
def test_an_interval(series: Series, function: str, span: tuple[int, int], value: float) -> None:
    assert only(series, function, *span)[0] == pytest.approx(value)


def test_each_interval_begins_where_the_last_ended() -> None:
    results = results_of(aggregates(SLOPED, 0, 20 * S, 5 * S, "TimeAverage"))
    assert [(result.time // S, result.value) for result in results] == [(0, 2.5), (5, 7.5), (10, 7.5), (15, 2.5)]


def test_nothing_known_is_bad_no_data() -> None:
    value, status = only(SLOPED, "TimeAverage", -20, -10)
    assert value is None
    assert status == quality.BAD_NO_DATA


def test_a_partly_bad_interval_says_so() -> None:
    for function in ("TimeAverage", "TimeAverage2"):
        assert quality.is_uncertain(only(GAPPED, function)[1])
    assert quality.is_uncertain(only(GAPPED, "TimeAverage", 6, 14)[1])
    assert quality.is_bad(only(GAPPED, "TimeAverage2", 6, 14)[1])


def at(series: Series, second: float, *, simple: bool = True, uncertain_is_bad: bool = True) -> tuple[object, int]:
    configuration = AggregateConfiguration(treat_uncertain_as_bad=uncertain_is_bad)
    times = np.array([round(second * S)], np.int64)
    found = at_times(times, [(np.array([0]), series)], simple=simple, configuration=configuration)
    status = int(found.statuses[0])
    return None if quality.is_bad(status) else found.values[0], status


@pytest.mark.parametrize(
    ("time", "value", "bits"), [(2, 2.0, quality.INTERPOLATED), (10, 10.0, 0), (15, 5.0, quality.INTERPOLATED)]
)
def test_between_samples(time: int, value: float, bits: int) -> None:
    assert at(SLOPED, time) == (value, GOOD | bits)


def test_behind_the_last_sample_there_is_nothing_or_what_interpolated_bounds_hold() -> None:
    assert at(SLOPED, 25) == at(SLOPED, -1) == at(SLOPED, -1, simple=False) == (None, quality.BAD_NO_DATA)
    held = quality.UNCERTAIN_DATA_SUB_NORMAL | quality.INTERPOLATED
    assert at(SLOPED, 25, simple=False) == (0.0, held)


def test_an_uncertain_sample_is_the_answer_at_its_own_time() -> None:
    rows = [(0, 1.0, GOOD), (10 * S, 3.0, quality.UNCERTAIN), (20 * S, 5.0, GOOD)]
    series = Series.of(rows, stepped=False)
    for simple in (True, False):
        assert at(series, 10, simple=simple) == (3.0, quality.UNCERTAIN)
    held = quality.UNCERTAIN_DATA_SUB_NORMAL | quality.INTERPOLATED
    assert at(series, 15) == (None, quality.BAD_NO_DATA)
    assert at(series, 15, uncertain_is_bad=False) == (4.0, held)
    assert at(series, 16, simple=False) == (pytest.approx(4.2), held)


@pytest.mark.parametrize(("simple", "wanted"), [(True, (None, quality.BAD_NO_DATA)), (False, (2.0, 0x40A40402))])
def test_a_bad_sample_is_nothing_or_a_value_between_the_nearest_others(simple: bool, wanted: object) -> None:
    assert at(GAPPED, 5, simple=simple) == at(GAPPED, 7, simple=simple) == wanted


def test_an_unknown_aggregate_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="TimeAverage"):
        results_of(aggregates(SLOPED, 0, 20 * S, S, "Mean"))


@pytest.mark.parametrize(("end", "interval"), [(20 * S, -1), (0, S), (MOST_INTERVALS + 1, 1), (-MOST_INTERVALS - 1, 1)])
def test_intervals_that_are_none_or_too_many_are_refused(end: int, interval: int) -> None:
    with pytest.raises(ValueError, match="interval"):
        results_of(aggregates(SLOPED, 0, end, interval, "TimeAverage"))
    with pytest.raises(ValueError, match=f"interval: {2 * MOST_INTERVALS} intervals are asked for, at most"):
        aggregates(SLOPED, 0, 2 * MOST_INTERVALS, 1, "Count")
    assert len(results_of(aggregates(SLOPED, 0, MOST_INTERVALS, 1, "Count"))) == MOST_INTERVALS


@pytest.mark.parametrize("span", [(0, 95), (95, 0)])
def test_intervals_come_in_pages(span: tuple[int, int]) -> None:
    whole = Intervals.between(*span, 10)
    pages = [Intervals.between(*span, 10, done, 4) for done in range(0, 10, 4)]
    assert [len(page.low) for page in pages] == [4, 4, 2]
    for name in ("low", "high", "rest"):
        columns = [getattr(page, name) for page in (pages[::-1] if whole.backward else pages)]
        assert np.concatenate(columns).tolist() == getattr(whole, name).tolist()


@pytest.mark.parametrize("interval", [0, 20 * S, 90 * S])
def test_an_interval_of_nothing_or_more_than_all_is_the_span(interval: int) -> None:
    (result,) = results_of(aggregates(SLOPED, 0, 20 * S, interval, "TimeAverage"))
    assert result == Row(0, 5.0, quality.CALCULATED, 0)


def test_the_rest_of_a_span_is_partial() -> None:
    results = results_of(aggregates(SLOPED, 0, 18 * S, 10 * S, "TimeAverage"))
    assert [(result.time // S, result.value) for result in results] == [(0, 5.0), (10, 6.0)]
    assert [result.status for result in results] == [quality.CALCULATED, quality.CALCULATED | quality.PARTIAL]
    assert [result.status for result in results_of(aggregates(SLOPED, 0, 18 * S, 10 * S, "Average"))] == [
        quality.CALCULATED
    ] * 2


def test_backward_an_interval_starts_at_its_late_end_and_includes_it() -> None:
    results = results_of(aggregates(SLOPED, 20 * S, 5 * S, 10 * S, "Count"))
    assert [(result.time // S, result.start // S, result.value) for result in results] == [(20, 20, 1), (10, 10, 1)]
    assert results[1].status == quality.CALCULATED | quality.PARTIAL
    assert [result.value for result in results_of(aggregates(SLOPED, 20 * S, 0, 5 * S, "TimeAverage"))] == [
        2.5,
        7.5,
        7.5,
        2.5,
    ]
    (bounds,) = results_of(aggregates(STEPPED, 10 * S, 5 * S, 0, "DeltaBounds"))
    assert bounds.value == -3.0


def test_what_is_set_holds_to_where_it_is_known_to() -> None:
    rows = [(0, 1.0, GOOD), (4 * S, 2.0, GOOD)]
    (result,) = results_of(aggregates(Series.of(rows, stepped=True), 10 * S, 20 * S, 0, "TimeAverage2"))
    assert result.status == quality.BAD_NO_DATA
    known = Series.of(rows, stepped=True, covered_to=20 * S)
    for function, value in (("TimeAverage2", 2.0), ("EndBound", 2.0), ("DurationGood", 10_000.0), ("Count", 0)):
        (result,) = results_of(aggregates(known, 10 * S, 20 * S, 0, function))
        assert (result.value, result.status) == (value, quality.CALCULATED), function
    (result,) = results_of(aggregates(known, 10 * S, 20 * S, 0, "Average"))
    assert (result.value, result.status) == (None, quality.BAD_NO_DATA)


@pytest.mark.parametrize("status", [GOOD, BAD])
def test_behind_where_it_is_known_to_hold_it_is_extrapolated(status: int) -> None:
    """§3.1.9."""
    known = Series.of([(0, 1.0, GOOD), (4 * S, 2.0, GOOD), (5 * S, 3.0, status)], stepped=True, covered_to=20 * S)
    held = 3.0 if status == GOOD else 2.0
    uncertain = quality.UNCERTAIN_DATA_SUB_NORMAL | quality.INTERPOLATED
    for second in (20 + 1 / S, 21, 30):
        assert at(known, second, simple=False) == (held, uncertain)
        assert at(known, second) == (None, quality.BAD_NO_DATA)
    if status == GOOD:
        assert at(known, 20) == at(known, 20, simple=False) == (3.0, quality.INTERPOLATED)
    for function in ("TimeAverage", "TimeAverage2", "PercentGood", "EndBound", "Maximum2"):
        (result,) = results_of(aggregates(known, 21 * S, 30 * S, 0, function))
        assert (result.value, result.status) == (None, quality.BAD_NO_DATA), function


def test_an_interval_that_is_half_behind_it_is_partial() -> None:
    known = Series.of([(0, 1.0, GOOD), (4 * S, 2.0, GOOD)], stepped=True, covered_to=20 * S)
    ended = Series.of([(0, 1.0, GOOD), (4 * S, 2.0, GOOD), (20 * S + 1, 2.0, GOOD)], stepped=True)
    for function in ("TimeAverage2", "DurationGood", "DurationBad", "PercentGood", "TimeAverage"):
        (result,) = results_of(aggregates(known, 10 * S, 30 * S, 0, function))
        (as_if_measured,) = results_of(aggregates(ended, 10 * S, 30 * S, 0, function))
        assert result == as_if_measured, function
        assert result.status & quality.PARTIAL
    assert only(known, "DurationGood", 10, 30)[0] == pytest.approx(10_000.0, abs=1.001)


def test_people_who_ask_get_held_values_and_rows_at_the_start_of_intervals() -> None:
    (result,) = results_of(aggregates(STEPPED, 0, 10 * S, 0, "TimeAverage", as_query=True))
    assert (result.value, result.status) == (1.6, quality.CALCULATED)
    assert results_of(aggregates(STEPPED, 0, 10 * S, 0, "TimeAverage"))[0].value == pytest.approx(2.7)
    for function, seconds, standard in (("End", 0, 4), ("Start", 0, 0), ("MaximumActualTime", 4, 4)):
        assert aggregates(STEPPED, 0, 10 * S, 0, function, as_query=True).times == [seconds * S]
        assert results_of(aggregates(STEPPED, 0, 10 * S, 0, function))[0].time == standard * S


def test_results_have_the_type_of_the_signal_or_of_the_aggregate() -> None:
    whole = Series.of([(0, 2, GOOD), (4 * S, 5, GOOD), (10 * S, 2, GOOD)], stepped=True)
    flags = Series.of([(0, False, GOOD), (4 * S, True, GOOD), (10 * S, True, GOOD)], stepped=False)
    texts = Series.of([(0, "T high", GOOD), (4 * S, None, BAD), (6 * S, "", GOOD), (10 * S, "x", GOOD)], stepped=True)
    answers = [only(series, "End", 0, 10)[0] for series in (SLOPED, whole, flags, texts)]
    assert [(type(answer), answer) for answer in answers] == [(float, 0.0), (int, 5), (bool, True), (str, "")]
    assert [type(only(whole, function, 0, 10)[0]) for function in ("Minimum", "Average", "Count")] == [int, float, int]
    assert only(flags, "DurationInStateNonZero", 0, 10)[0] == 6_000.0
    assert only(texts, "StartBound", 2, 10)[0] == "T high"
    assert [only(texts, function, 0, 10)[0] for function in ("Count", "DurationBad", "WorstQuality")] == [
        2,
        2_000.0,
        BAD,
    ]
    assert only(texts, "Average", 0, 10) == (None, quality.BAD_NO_DATA)
    assert at(texts, 6) == ("", GOOD)
    assert at(texts, 8) == ("", GOOD | quality.INTERPOLATED)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_without_samples_there_is_no_data(function: str) -> None:
    empty = Series.of([], stepped=False)
    waiting = Series.of([(0, None, quality.BAD_NO_DATA)], stepped=True)
    bad = Series.of([(0, None, BAD), (20 * S, None, BAD)], stepped=False)
    assert only(empty, function) == only(waiting, function) == (None, quality.BAD_NO_DATA)
    if function.startswith(("Duration", "Percent", "Worst")):
        return
    assert only(bad, function)[0] is None
    assert quality.is_bad(only(bad, function)[1])


@pytest.mark.parametrize(("bad", "good"), [(101, 100), (100, -1), (80, 0), (50, 49)])
def test_percentages_that_contradict_each_other_are_refused(bad: int, good: int) -> None:
    with pytest.raises(ValueError, match="allowed"):
        AggregateConfiguration(percent_data_bad=bad, percent_data_good=good)


def test_the_standards_defaults() -> None:
    assert AggregateConfiguration() == AggregateConfiguration(True, 100, 100, False)


@pytest.mark.parametrize("function", ["TimeAverage", "TimeAverage2", "Minimum2", "StandardDeviation"])
def test_a_month_of_samples_takes_no_time(function: str) -> None:
    count = 2_592_000
    times = np.arange(count, dtype=np.int64) * S
    series = Series(times, np.sin(times / (1000.0 * S)), np.zeros(count, np.uint32), stepped=False)
    begun = time.process_time()
    results = results_of(aggregates(series, 0, count * S, count * S // 1000, function))
    assert time.process_time() - begun < 1.0
    assert len(results) == 1000
    assert not any(quality.is_bad(result.status) for result in results)
