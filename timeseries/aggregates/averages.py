"""Interpolative, averages and totals (OPC 10000-13 v1.05 §5.4.3.4 to §5.4.3.9)."""

from __future__ import annotations

import numpy as np

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.aggregates.intervals import over
from timeseries.aggregates.pieces import Pieces
from timeseries.aggregates.segments import Segments
from timeseries.aggregates.series import Times, Values
from timeseries.aggregates.window import GOOD, NO_DATA, UNCERTAIN, Results, Window


def interpolative(window: Window) -> Results:
    """Return the interpolated bounding value at the start of each interval (§5.4.3.4)."""
    bounds = window.interpolated(stepped=window.series.stepped).at(window.intervals.starts)
    bits = np.where(bounds.raw | bounds.bad, 0, quality.INTERPOLATED).astype(np.uint32)
    return Results(bounds.values, bounds.statuses | bits, own_type=True)


def average(window: Window) -> Results:
    """Return the mean of the Good raw values (§5.4.3.5)."""
    good = window.good
    sums = over(np.add, good.of(window.series.values), good.first, good.last, 0.0)
    statuses = window.status_by_count() | np.uint32(quality.CALCULATED)
    return Results(sums / np.maximum(good.counts, 1), np.where(good.counts > 0, statuses, NO_DATA))


def time_average(window: Window) -> Results:
    """Return the mean over time on straight lines between what is not bad, also of a stepped signal (§5.4.3.6)."""
    return _average(window, window.interpolated(stepped=False))


def total(window: Window) -> Results:
    """Return TimeAverage times the seconds that it was computed of (§5.4.3.8)."""
    return _total(window, window.interpolated(stepped=False))


def held_average(window: Window) -> Results:
    """Return what TimeAverage is where a stepped signal holds its values."""
    return _average(window, window.interpolated(stepped=window.series.stepped))


def held_total(window: Window) -> Results:
    """Return what Total is where a stepped signal holds its values."""
    return _total(window, window.interpolated(stepped=window.series.stepped))


def time_average2(window: Window) -> Results:
    """Return the mean over the time whose data is not bad, sloped or stepped as the signal is (§5.4.3.7)."""
    results = total2(window)
    return Results(results.values / _seconds(window.pieces.ticks(~window.simple.bad)), results.statuses)


def total2(window: Window) -> Results:
    """Return TimeAverage2 times the seconds that it was computed of (§5.4.3.9)."""
    ticks = window.pieces.ticks(~window.simple.bad)
    statuses = window.status_by_time() | np.uint32(quality.CALCULATED)
    return Results(window.pieces.area(), np.where(ticks > 0, statuses, NO_DATA))


def _average(window: Window, segments: Segments) -> Results:
    results, ticks = _integral(window, segments)
    return Results(results.values / _seconds(ticks), results.statuses)


def _total(window: Window, segments: Segments) -> Results:
    return _integral(window, segments)[0]


def _integral(window: Window, segments: Segments) -> tuple[Results, Times]:
    """Return areas, and the ticks that each covers; Uncertain where not all of an interval is certain."""
    if not len(segments.times):
        nothing = np.zeros(len(window.first), np.int64)
        return Results(nothing.astype(np.float64), np.full(len(nothing), NO_DATA)), nothing
    pieces = Pieces(segments, window.intervals)
    ticks = pieces.ticks(~segments.bad)
    certain = pieces.ticks(~segments.bad & ~segments.uncertain)
    statuses = np.where(certain == pieces.width, GOOD, UNCERTAIN) | np.uint32(quality.CALCULATED)
    return Results(pieces.area(), np.where(ticks > 0, statuses, NO_DATA)), ticks


def _seconds(ticks: Times) -> Values:
    """Return seconds, never 0: what has none has no data."""
    return np.maximum(ticks, 1) / TICKS_PER_SECOND
