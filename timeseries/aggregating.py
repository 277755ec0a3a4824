"""Aggregates and values at times of a stored signal, some after the others: memory is bounded, however long it is."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timeseries.aggregates import (
    STANDARD,
    Aggregate,
    AggregateConfiguration,
    Intervals,
    Long,
    Processed,
    Results,
    at_times,
)
from timeseries.signals import SignalInfo
from timeseries.spans import Spans
from timeseries.uniting import Recorded

AT_ONCE = 1_000_000
"""Samples, about: some 100 MB, and a tenth of a second."""
Steps = Generator[None, None, Processed]
"""Returns the results after some steps, between which others may have their turn."""


def aggregated(
    history: Recorded, number: int, info: SignalInfo, intervals: Intervals, aggregate: Aggregate
) -> Processed:
    """Return one result for each interval, in the order asked for."""
    steps = in_steps(history, number, info, intervals, aggregate)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Processed = end.value
            return found


def in_steps(history: Recorded, number: int, info: SignalInfo, intervals: Intervals, aggregate: Aggregate) -> Steps:
    """Return the same, after a step for every so many samples."""
    found, spans = [], Spans(history, number, info, aggregate.configuration)
    for part in _parts(history, number, intervals):
        if part.cuts:
            found.append((yield from _of_one(spans, part, aggregate)))
        else:
            series = spans.around(int(part.intervals.low[0]), int(part.intervals.high[-1]))
            found.append(aggregate.of(series, part.intervals))
        yield
    results = Processed.joined(found)
    return results.turned() if intervals.backward else results


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
    parts = Spans(history, number, info, configuration).runs_around(times)
    return at_times(times, parts, simple=simple, configuration=configuration)


@dataclass(frozen=True, slots=True)
class _Part:
    """Intervals to compute at once; or a long one, and times that cut it."""

    intervals: Intervals
    cuts: tuple[int, ...] = ()


def _parts(history: Recorded, number: int, intervals: Intervals) -> Iterator[_Part]:
    """Yield the intervals in order of time: those between two cuts together, and by itself one that has several."""
    cuts = history.cuts(number, int(intervals.low[0]), int(intervals.high[-1]), AT_ONCE)
    rows = np.clip(np.searchsorted(intervals.high, cuts), 0, len(intervals.low) - 1).tolist()
    done = 0
    for row in sorted(set(rows)):
        high = int(intervals.high[row])
        inside = tuple(cut for cut, its in zip(cuts, rows, strict=True) if its == row and cut < high)
        is_long = len(inside) > 1
        end = row if is_long else row + 1
        if done < end:
            yield _Part(intervals[done:end])
        if is_long:
            yield _Part(intervals[row : row + 1], inside)
        done = row + 1
    if done < len(intervals.low):
        yield _Part(intervals[done:])


def _of_one(spans: Spans, part: _Part, aggregate: Aggregate) -> Steps:
    """Return the result for a long interval; it is cut where samples stand, so that no part divides what is between."""
    long, high = Long(aggregate, part.intervals), int(part.intervals.high[0])
    for cut in (*part.cuts, high):
        if cut <= long.low:
            continue
        series = spans.around(long.low, cut)
        place = int(np.searchsorted(series.times, cut))
        edge = int(series.times[place]) if place < len(series.times) else high
        if cut == high or edge < high:
            long.take(series, min(edge, high))
            yield
    return long.result()
