"""Start, End, Delta and the bounds (OPC 10000-13 v1.05 §5.4.3.25 to §5.4.3.30)."""

from __future__ import annotations

import numpy as np

from plant import quality
from timeseries.aggregates.intervals import Places
from timeseries.aggregates.segments import Bounds
from timeseries.aggregates.window import GOOD, NO_DATA, UNCERTAIN, Results, Window, values_at

_CALCULATED = np.uint32(quality.CALCULATED)


def start(window: Window) -> Results:
    """Return the earliest raw value as it is, with its time (§5.4.3.25)."""
    return _raw(window, window.first)


def end(window: Window) -> Results:
    """Return the latest raw value as it is, with its time (§5.4.3.26)."""
    return _raw(window, window.last - 1)


def delta(window: Window) -> Results:
    """Return the latest Good raw value less the earliest; Uncertain with others before or behind them (§5.4.3.27)."""
    good = window.good
    first, last = good.earliest(), good.latest()
    certain = (first == window.first) & (last == window.last - 1)
    values = window.series.values[last] - window.series.values[first]
    statuses = np.where(certain, GOOD, UNCERTAIN) | _CALCULATED
    return Results(values, np.where(good.counts > 0, statuses, NO_DATA))


def start_bound(window: Window) -> Results:
    """Return the simple bounding value where an interval starts (§5.4.3.28)."""
    bounds = _bounds(window)[0]
    bits = np.where(bounds.raw | bounds.bad, 0, quality.INTERPOLATED).astype(np.uint32)
    return Results(bounds.values, bounds.statuses | bits, own_type=True)


def end_bound(window: Window) -> Results:
    """Return the simple bounding value where an interval ends (§5.4.3.29)."""
    bounds = _bounds(window)[1]
    return Results(bounds.values, np.where(bounds.bad, NO_DATA, bounds.statuses | _CALCULATED), own_type=True)


def delta_bounds(window: Window) -> Results:
    """Return EndBound less StartBound (§5.4.3.30)."""
    first, last = _bounds(window)
    certain = ((first.statuses | last.statuses) >> np.uint32(30)) == 0
    statuses = np.where(certain, GOOD, UNCERTAIN) | _CALCULATED
    return Results(last.values - first.values, np.where(first.bad | last.bad, NO_DATA, statuses))


def _bounds(window: Window) -> tuple[Bounds, Bounds]:
    """Return those at the start and at the end, as time flows."""
    early, late = window.simple.at(window.intervals.low), window.simple.at(window.intervals.high)
    return (late, early) if window.intervals.backward else (early, late)


def _raw(window: Window, places: Places) -> Results:
    series, some = window.series, window.counts > 0
    where = np.clip(places, 0, len(series.times) - 1)
    statuses = np.where(some, series.statuses[where], NO_DATA)
    times = np.where(some, series.times[where], window.intervals.starts)
    return Results(values_at(series.values, places), statuses, times, own_type=True)
