"""Aggregates and values at times of a stored signal, some after the others: memory is bounded, however long it is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from timeseries.aggregates import STANDARD, AggregateConfiguration, Aggregates, Results, at_times, query
from timeseries.aggregates.intervals import Intervals
from timeseries.kinds import refuse_senseless
from timeseries.signals import SignalInfo
from timeseries.spans import around, runs_around
from timeseries.uniting import Recorded

AT_ONCE = 1_000_000
"""Samples, about: some 100 MB at a time."""


def aggregated(
    history: Recorded,
    number: int,
    info: SignalInfo,
    start: int,
    end: int,
    interval: int,
    function: str,
    configuration: AggregateConfiguration = STANDARD,
) -> Aggregates:
    """Return one result for each interval (ticks) from start to end, either way; 0 makes one of all.

    Raises:
        ValueError: naming an aggregate that is not known, or an interval that is not allowed.
    """
    refuse_senseless(function, info)
    Intervals.between(start, end, interval)
    found = []
    for first, last in itertools.pairwise(_edges(history, number, start, end, interval)):
        series = around(history, number, info, first, last, configuration)
        found.append(query(series, first, last, interval, function, configuration))
    return found[0] if len(found) == 1 else _joined(found)


def values_at(
    history: Recorded,
    number: int,
    info: SignalInfo,
    times: NDArray[np.int64],
    *,
    simple: bool,
    configuration: AggregateConfiguration = STANDARD,
) -> Results:
    """Return the value at each time, in the order asked; what it is does not depend on the other times."""
    parts = runs_around(history, number, info, times, configuration)
    return at_times(times, parts, simple=simple, configuration=configuration)


def _edges(history: Recorded, number: int, start: int, end: int, interval: int) -> Iterator[int]:
    """Yield where parts of whole intervals meet; the last one has two at least, of which one may be a rest."""
    yield start
    if start < end and interval:
        done, last = 0, -(-(end - start) // interval) - 1
        for cut in history.cuts(number, start, end, AT_ONCE):
            place = -(-(cut - start) // interval)
            if done < place < last:
                done = place
                yield start + place * interval
    yield end


def _joined(parts: list[Aggregates]) -> Aggregates:
    columns = [[getattr(part, name) for part in parts] for name in ("times", "values", "statuses", "starts")]
    return Aggregates(*(np.concatenate(each) for each in columns))
