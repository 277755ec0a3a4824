"""The aggregates by name: what each is made of, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from timeseries.aggregates import averages, counts, deviations, edges, extremes, qualities
from timeseries.aggregates.averages import Areas
from timeseries.aggregates.deviations import Spread
from timeseries.aggregates.extremes import HIGHEST, LOWEST, Extreme
from timeseries.aggregates.facts import Bound, Counts, Edge, Facts, Ticks
from timeseries.aggregates.qualities import Worst, as_it_is
from timeseries.aggregates.window import Results, Window


@dataclass(frozen=True, slots=True)
class Function:
    """One aggregate."""

    answer: Callable[..., Results]
    """Takes what is asked, and the facts."""
    made_of: tuple[Callable[[Window], Facts], ...]


def _raw(extreme: Extreme, *, actual_time: bool) -> Function:
    made_of = (Counts.of, extremes.of_good(extreme), extremes.of_uncertain(extreme))
    return Function(partial(extremes.raw_extreme, actual_time=actual_time), made_of)


def _bounded(extreme: Extreme, *, actual_time: bool) -> Function:
    made_of = (extremes.of_known(extreme), Bound.early, Bound.late, Ticks.sufficient)
    return Function(partial(extremes.bounded_extreme, actual_time=actual_time), made_of)


def _regions(answer: Callable[..., Results], *, good: bool) -> Function:
    return Function(answer, (partial(qualities.regions, good=good),))


def _in_state(*, zero: bool) -> Function:
    return Function(counts.duration_in_state, (partial(counts.in_state, zero=zero), Ticks.sufficient))


def _spread(answer: Callable[..., Results], *, sample: bool) -> Function:
    return Function(partial(answer, sample=sample), (Counts.of, Spread.of))


_RAW_RANGE = (
    Counts.of,
    extremes.of_good(LOWEST),
    extremes.of_good(HIGHEST),
    extremes.of_uncertain(LOWEST),
    extremes.of_uncertain(HIGHEST),
)
_BOUNDED_RANGE = (extremes.of_known(LOWEST), extremes.of_known(HIGHEST), Bound.early, Bound.late, Ticks.sufficient)
_PLAIN = (
    Worst.of,
    lambda window: Bound.early(as_it_is(window)),
    lambda window: Bound.late(as_it_is(window)),
)

FUNCTIONS: dict[str, Function] = {
    "Interpolative": Function(averages.interpolative, (averages.start_of,)),
    "Average": Function(averages.average, (Counts.of, averages.good_sum)),
    "TimeAverage": Function(averages.time_average, (Areas.lines,)),
    "TimeAverage2": Function(averages.time_average2, (Areas.simple, Ticks.sufficient)),
    "Total": Function(averages.total, (Areas.lines,)),
    "Total2": Function(averages.total2, (Areas.simple, Ticks.sufficient)),
    "Minimum": _raw(LOWEST, actual_time=False),
    "Maximum": _raw(HIGHEST, actual_time=False),
    "MinimumActualTime": _raw(LOWEST, actual_time=True),
    "MaximumActualTime": _raw(HIGHEST, actual_time=True),
    "Range": Function(extremes.raw_range, _RAW_RANGE),
    "Minimum2": _bounded(LOWEST, actual_time=False),
    "Maximum2": _bounded(HIGHEST, actual_time=False),
    "MinimumActualTime2": _bounded(LOWEST, actual_time=True),
    "MaximumActualTime2": _bounded(HIGHEST, actual_time=True),
    "Range2": Function(extremes.bounded_range, _BOUNDED_RANGE),
    "Count": Function(counts.count, (Counts.of,)),
    "DurationInStateZero": _in_state(zero=True),
    "DurationInStateNonZero": _in_state(zero=False),
    "NumberOfTransitions": Function(counts.number_of_transitions, (Counts.of, counts.changes)),
    "Start": Function(edges.raw, (Edge.first,)),
    "End": Function(edges.raw, (Edge.last,)),
    "Delta": Function(edges.delta, (Edge.first, Edge.last, Edge.first_good, Edge.last_good)),
    "StartBound": Function(edges.start_bound, (Bound.early, Bound.late)),
    "EndBound": Function(edges.end_bound, (Bound.early, Bound.late)),
    "DeltaBounds": Function(edges.delta_bounds, (Bound.early, Bound.late)),
    "DurationGood": _regions(qualities.duration, good=True),
    "DurationBad": _regions(qualities.duration, good=False),
    "PercentGood": _regions(qualities.percentage, good=True),
    "PercentBad": _regions(qualities.percentage, good=False),
    "WorstQuality": Function(qualities.worst_quality, (Worst.of,)),
    "WorstQuality2": Function(qualities.worst_quality2, _PLAIN),
    "StandardDeviationSample": _spread(deviations.standard_deviation, sample=True),
    "StandardDeviationPopulation": _spread(deviations.standard_deviation, sample=False),
    "VarianceSample": _spread(deviations.variance, sample=True),
    "VariancePopulation": _spread(deviations.variance, sample=False),
    "StandardDeviation": _spread(deviations.standard_deviation, sample=True),
}
"""By the names of OPC 10000-13; StandardDeviation is short for that of a sample."""

HELD: dict[str, Function] = {
    "TimeAverage": Function(averages.time_average, (Areas.held,)),
    "Total": Function(averages.total, (Areas.held,)),
}
"""Those that may follow the steps of a stepped signal, where the standard has straight lines (§5.4.3.6)."""

ACTUAL_TIME = frozenset(name for name in FUNCTIONS if "ActualTime" in name)
"""Those whose result is a time as much as a value."""

OF_TEXT = frozenset(
    {"Interpolative", "Count", "Start", "End", "StartBound", "EndBound", "DurationGood", "DurationBad", "PercentGood"}
    | {"PercentBad", "WorstQuality", "WorstQuality2"}
)
"""What has an answer for texts (§5.4.2.3); of the others there is no data."""
AS_IS = frozenset(
    {"Start", "End", "Minimum", "Maximum", "MinimumActualTime", "MaximumActualTime", "NumberOfTransitions"}
)
"""What gives or compares raw values as they are."""
AS_IS_STEPPED = AS_IS | {"Interpolative", "StartBound", "EndBound", "Minimum2", "Maximum2"}
AS_IS_STEPPED |= {"MinimumActualTime2", "MaximumActualTime2"}
"""The same of a stepped signal."""


def refuse_unknown(function: str) -> None:
    """Return if there is such an aggregate.

    Raises:
        ValueError: naming those that there are.
    """
    if function not in FUNCTIONS:
        message = f"aggregate {function!r}: allowed are {', '.join(FUNCTIONS)}"
        raise ValueError(message)
