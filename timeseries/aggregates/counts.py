"""Count, NumberOfTransitions and durations in a state (OPC 10000-13 v1.05 §5.4.3.21 to §5.4.3.24)."""

from __future__ import annotations

import numpy as np

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.aggregates.intervals import Places, over
from timeseries.aggregates.window import BAD, Results, Window

TICKS_PER_MILLISECOND = TICKS_PER_SECOND // 1000
_CALCULATED = np.uint32(quality.CALCULATED)


def count(window: Window) -> Results:
    """Return how many Good raw values there are (§5.4.3.21)."""
    return _counted(window, window.good.counts)


def number_of_transitions(window: Window) -> Results:
    """Return how often a raw value differs from the one before it; bad ones are left out (§5.4.3.24)."""
    known = window.known
    values = known.of(window.series.values)
    changed = np.ones(len(values), np.int64)
    changed[1:] = values[1:] != values[:-1]
    return _counted(window, over(np.add, changed, known.first, known.last, 0))


def duration_in_state(window: Window, *, zero: bool) -> Results:
    """Return the milliseconds in which Good data was zero, or was not; a region is as it begins (§5.4.3.22, .23)."""
    simple, pieces = window.simple, window.pieces
    good, nothing = simple.good, np.zeros_like(simple.good)
    inner = pieces.ticks(good, nothing)
    head = pieces.ticks(good, ~simple.bad & ~simple.uncertain) - inner
    zeros = pieces.ticks(good & (simple.values == 0.0), nothing)
    zeros += np.where(simple.at(window.intervals.low).values == 0.0, head, 0)
    ticks = zeros if zero else inner + head - zeros
    return Results(ticks / TICKS_PER_MILLISECOND, window.status_by_time() | _CALCULATED)


def _counted(window: Window, counts: Places) -> Results:
    statuses = window.status_by_count()
    return Results(counts, np.where(statuses == BAD, BAD, statuses | _CALCULATED))
