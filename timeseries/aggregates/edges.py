"""Start, End, Delta and the bounds (OPC 10000-13 v1.05 §5.4.3.25 to §5.4.3.30)."""

from __future__ import annotations

import numpy as np

from plant import quality
from timeseries.aggregates.asked import Asked
from timeseries.aggregates.facts import Bound, Edge
from timeseries.aggregates.window import GOOD, NO_DATA, UNCERTAIN, Results

_CALCULATED = np.uint32(quality.CALCULATED)


def raw(asked: Asked, edge: Edge) -> Results:
    """Return the earliest raw value as it is, or the latest, with its time (§5.4.3.25, .26)."""
    times = np.where(edge.there, edge.times, asked.intervals.starts)
    return Results(edge.values, np.where(edge.there, edge.statuses, NO_DATA), times, own_type=True)


def delta(asked: Asked, first: Edge, last: Edge, first_good: Edge, last_good: Edge) -> Results:
    """Return the latest Good raw value less the earliest; Uncertain with others before or behind them (§5.4.3.27)."""
    certain = (first_good.times == first.times) & (last_good.times == last.times)
    statuses = np.where(certain, GOOD, UNCERTAIN) | _CALCULATED
    return Results(last_good.values - first_good.values, np.where(first_good.there, statuses, NO_DATA))


def start_bound(asked: Asked, early: Bound, late: Bound) -> Results:
    """Return the simple bounding value where an interval starts (§5.4.3.28)."""
    bound = late if asked.intervals.backward else early
    bits = np.where(bound.raw | bound.bad, 0, quality.INTERPOLATED).astype(np.uint32)
    return Results(bound.values, bound.statuses | bits, own_type=True)


def end_bound(asked: Asked, early: Bound, late: Bound) -> Results:
    """Return the simple bounding value where an interval ends (§5.4.3.29)."""
    bound = early if asked.intervals.backward else late
    return Results(bound.values, np.where(bound.bad, NO_DATA, bound.statuses | _CALCULATED), own_type=True)


def delta_bounds(asked: Asked, early: Bound, late: Bound) -> Results:
    """Return EndBound less StartBound (§5.4.3.30)."""
    certain = ((early.statuses | late.statuses) >> np.uint32(30)) == 0
    statuses = np.where(certain, GOOD, UNCERTAIN) | _CALCULATED
    values = early.values - late.values if asked.intervals.backward else late.values - early.values
    return Results(values, np.where(early.bad | late.bad, NO_DATA, statuses))
