"""Count, NumberOfTransitions and durations in a state (OPC 10000-13 v1.05 §5.4.3.21 to §5.4.3.24)."""

from __future__ import annotations

import numpy as np

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.aggregates.asked import Asked
from timeseries.aggregates.facts import Counts, Sum, Ticks
from timeseries.aggregates.intervals import Places
from timeseries.aggregates.window import BAD, Results, Window

TICKS_PER_MILLISECOND = TICKS_PER_SECOND // 1000
_CALCULATED = np.uint32(quality.CALCULATED)


def changes(window: Window) -> Sum:
    """Return how many values differ from the one before them, bad ones left out; what comes first of all does."""
    known = window.known
    values = known.of(window.series.values)
    changed = np.ones(len(values), np.int64)
    changed[1:] = values[1:] != values[:-1]
    return Sum.of(changed, known)


def in_state(window: Window, *, zero: bool) -> Ticks:
    """Return in how much of each interval Good data is zero, or is not; a region is as it begins."""
    simple, pieces = window.simple, window.pieces
    good, nothing = simple.good, np.zeros_like(simple.good)
    inner = pieces.ticks(good, nothing)
    head = pieces.ticks(good, ~simple.bad & ~simple.uncertain) - inner
    zeros = pieces.ticks(good & (simple.values == 0.0), nothing)
    zeros += np.where(simple.at(window.intervals.low).values == 0.0, head, 0)
    return Ticks(zeros if zero else inner + head - zeros, pieces.width)


def count(asked: Asked, counts: Counts) -> Results:
    """Return how many Good raw values there are (§5.4.3.21)."""
    return _counted(asked, counts, counts.good)


def number_of_transitions(asked: Asked, counts: Counts, changes: Sum) -> Results:
    """Return how often a raw value differs from the one before it; bad ones are left out (§5.4.3.24)."""
    return _counted(asked, counts, changes.values)


def duration_in_state(asked: Asked, in_state: Ticks, sufficient: Ticks) -> Results:
    """Return the milliseconds in which Good data was zero, or was not (§5.4.3.22, .23)."""
    return Results(in_state.ticks / TICKS_PER_MILLISECOND, sufficient.statuses(asked.configuration) | _CALCULATED)


def _counted(asked: Asked, counts: Counts, found: Places) -> Results:
    statuses = counts.statuses(asked.configuration)
    return Results(found, np.where(statuses == BAD, BAD, statuses | _CALCULATED))
