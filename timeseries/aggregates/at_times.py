"""The value at each of some times, with its info bits: ReadAtTime of OPC 10000-11 v1.05 §6.5.5."""

from __future__ import annotations

import numpy as np

from plant import quality
from timeseries.aggregates.configuration import STANDARD
from timeseries.aggregates.intervals import Intervals
from timeseries.aggregates.series import Series, Times
from timeseries.aggregates.window import NO_DATA, Results, Window


def at_times(series: Series, times: Times, *, simple: bool) -> Results:
    """Return raw values where samples stand, and bounding values between them: simple or interpolated ones."""
    series = series.from_first_data()
    if not len(series.times):
        return Results(np.zeros(len(times)), np.full(len(times), NO_DATA), times, own_type=True)
    window = Window(series, Intervals.between(int(times.min()), int(times.max()) + 1, 0), STANDARD)
    segments = window.simple if simple else window.interpolated(stepped=series.stepped)
    bounds = segments.at(times)
    bits = np.where(bounds.raw | bounds.bad, 0, quality.INTERPOLATED).astype(np.uint32)
    return Results(bounds.values, bounds.statuses | bits, times, own_type=True)
