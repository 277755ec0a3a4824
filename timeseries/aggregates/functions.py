"""The aggregates by name, and one result for each interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plant import quality
from plant.sample import Scalar
from timeseries.aggregates import averages, counts, deviations, edges, extremes, qualities
from timeseries.aggregates.configuration import STANDARD, AggregateConfiguration
from timeseries.aggregates.extremes import HIGHEST, LOWEST
from timeseries.aggregates.intervals import Intervals
from timeseries.aggregates.series import Series, Statuses, Times
from timeseries.aggregates.window import NO_DATA, Results, Window

Function = Callable[[Window], Results]

FUNCTIONS: dict[str, Function] = {
    "Interpolative": averages.interpolative,
    "Average": averages.average,
    "TimeAverage": averages.time_average,
    "TimeAverage2": averages.time_average2,
    "Total": averages.total,
    "Total2": averages.total2,
    "Minimum": partial(extremes.raw_extreme, extreme=LOWEST, actual_time=False),
    "Maximum": partial(extremes.raw_extreme, extreme=HIGHEST, actual_time=False),
    "MinimumActualTime": partial(extremes.raw_extreme, extreme=LOWEST, actual_time=True),
    "MaximumActualTime": partial(extremes.raw_extreme, extreme=HIGHEST, actual_time=True),
    "Range": extremes.raw_range,
    "Minimum2": partial(extremes.bounded_extreme, extreme=LOWEST, actual_time=False),
    "Maximum2": partial(extremes.bounded_extreme, extreme=HIGHEST, actual_time=False),
    "MinimumActualTime2": partial(extremes.bounded_extreme, extreme=LOWEST, actual_time=True),
    "MaximumActualTime2": partial(extremes.bounded_extreme, extreme=HIGHEST, actual_time=True),
    "Range2": extremes.bounded_range,
    "Count": counts.count,
    "DurationInStateZero": partial(counts.duration_in_state, zero=True),
    "DurationInStateNonZero": partial(counts.duration_in_state, zero=False),
    "NumberOfTransitions": counts.number_of_transitions,
    "Start": edges.start,
    "End": edges.end,
    "Delta": edges.delta,
    "StartBound": edges.start_bound,
    "EndBound": edges.end_bound,
    "DeltaBounds": edges.delta_bounds,
    "DurationGood": partial(qualities.duration, good=True),
    "DurationBad": partial(qualities.duration, good=False),
    "PercentGood": partial(qualities.percentage, good=True),
    "PercentBad": partial(qualities.percentage, good=False),
    "WorstQuality": qualities.worst_quality,
    "WorstQuality2": qualities.worst_quality2,
    "StandardDeviationSample": partial(deviations.standard_deviation, sample=True),
    "StandardDeviationPopulation": partial(deviations.standard_deviation, sample=False),
    "VarianceSample": partial(deviations.variance, sample=True),
    "VariancePopulation": partial(deviations.variance, sample=False),
    "StandardDeviation": partial(deviations.standard_deviation, sample=True),
}
"""By the names of OPC 10000-13; StandardDeviation is short for that of a sample."""

ACTUAL_TIME = frozenset(name for name in FUNCTIONS if "ActualTime" in name)
"""Those whose result is a time as much as a value."""

_HELD: dict[str, Function] = {"TimeAverage": averages.held_average, "Total": averages.held_total}
_NEVER_PARTIAL = frozenset({"Average", "Interpolative"})
OF_TEXT = frozenset(
    {"Interpolative", "Count", "Start", "End", "StartBound", "EndBound", "DurationGood", "DurationBad", "PercentGood"}
    | {"PercentBad", "WorstQuality", "WorstQuality2"}
)
"""What has an answer for texts (§5.4.2.3); of the others there is no data."""
_AS_IS = frozenset(
    {"Start", "End", "Minimum", "Maximum", "MinimumActualTime", "MaximumActualTime", "NumberOfTransitions"}
)
"""What gives or compares raw values as they are."""
_AS_IS_STEPPED = _AS_IS | {"Interpolative", "StartBound", "EndBound", "Minimum2", "Maximum2"}
_AS_IS_STEPPED |= {"MinimumActualTime2", "MaximumActualTime2"}


@dataclass(frozen=True, slots=True)
class Aggregated:
    """The result for one interval."""

    time: int
    """The timestamp of the result: the start of the interval unless the aggregate says otherwise."""
    value: Scalar | None
    status: int
    start: int
    """The start of the interval: its later end where time runs backward."""


@dataclass(frozen=True, slots=True, eq=False)
class Aggregates:
    """Results for several intervals, as columns of one length in the order asked for."""

    times: Times
    values: NDArray[Any]
    """Of no meaning where the status is Bad; objects where the signal's own type is no double."""
    statuses: Statuses
    starts: Times

    def turned(self) -> Aggregates:
        """Return them in the other order."""
        return Aggregates(self.times[::-1], self.values[::-1], self.statuses[::-1], self.starts[::-1])

    def rows(self) -> list[Aggregated]:
        """Return them one by one."""
        columns = (self.times, self.values, self.statuses, self.starts)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [
            Aggregated(time, None if quality.is_bad(status) else value, status, start)
            for time, value, status, start in rows
        ]


def aggregate(
    series: Series,
    start: int,
    end: int,
    interval: int,
    function: str,
    configuration: AggregateConfiguration = STANDARD,
    *,
    hold: bool = False,
) -> list[Aggregated]:
    """Return the rows of `aggregates`."""
    return aggregates(series, start, end, interval, function, configuration, hold=hold).rows()


def aggregates(
    series: Series,
    start: int,
    end: int,
    interval: int,
    function: str,
    configuration: AggregateConfiguration = STANDARD,
    *,
    hold: bool = False,
) -> Aggregates:
    """Return one result for each interval of `interval` ticks from `start` to `end`; 0 makes one of all.

    With an end before the start time runs backward. The series has at least the samples of the span and one on either
    side, where there is one. `hold`: TimeAverage and Total follow the steps of a stepped signal, where the standard
    has straight lines (§5.4.3.6). Averages are in the signal's unit, totals in unit times seconds, durations in
    milliseconds; WorstQuality gives a StatusCode.

    Raises:
        ValueError: naming the function or the interval and what is allowed.
    """
    refuse_unknown(function)
    intervals = Intervals.between(start, end, interval)
    if function in (_AS_IS_STEPPED if series.stepped else _AS_IS):
        series = series.ranked()
    series = replace(series, exact=None).from_first_data()
    starts = intervals.starts
    if not len(series.times) or (series.is_text and function not in OF_TEXT):
        results = Results(np.zeros(len(starts)), np.full(len(starts), NO_DATA))
    else:
        compute = _HELD.get(function, FUNCTIONS[function]) if hold else FUNCTIONS[function]
        results = _finished(Window(series, intervals, configuration), compute, function)
    times = starts if results.times is None else results.times
    values = series.decoded(results.values, results.statuses) if results.own_type else results.values
    found = Aggregates(times, values, results.statuses, starts)
    return found.turned() if intervals.backward else found


def refuse_unknown(function: str) -> None:
    """Return if there is such an aggregate.

    Raises:
        ValueError: naming those that there are.
    """
    if function not in FUNCTIONS:
        message = f"aggregate {function!r}: allowed are {', '.join(FUNCTIONS)}"
        raise ValueError(message)


def _finished(window: Window, compute: Function, function: str) -> Results:
    """Return results with what holds for all aggregates: nothing outside the data, and the Partial bit."""
    results = compute(window)
    bits = np.where(window.partial, quality.PARTIAL, 0).astype(np.uint32)
    if function in _NEVER_PARTIAL:
        bits[:] = 0
    outside = window.before if function == "Interpolative" else window.before | window.behind
    statuses = np.where(outside, NO_DATA, results.statuses | bits)
    starts = window.intervals.starts
    times = starts if results.times is None else np.where(outside, starts, results.times)
    return Results(results.values, statuses, times, results.own_type)
