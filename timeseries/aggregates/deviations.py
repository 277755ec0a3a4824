"""Standard deviations and variances (OPC 10000-13 v1.05 §5.4.3.37 to §5.4.3.40)."""

from __future__ import annotations

import numpy as np

from plant import quality
from timeseries.aggregates.intervals import over
from timeseries.aggregates.window import GOOD, NO_DATA, UNCERTAIN, Results, Window


def variance(window: Window, *, sample: bool) -> Results:
    """Return the variance of the Good raw values, of a sample (n - 1) or of all (n); 0 of one (§5.4.3.38, .40)."""
    good = window.good
    first, last, count = good.first, good.last, good.counts
    values = good.of(window.series.values)[first[0] : last[-1]]
    first, last = first - first[0], last - first[0]
    means = over(np.add, values, first, last, 0.0) / np.maximum(count, 1)
    deviations = values - np.repeat(means, count)
    squares = over(np.add, np.square(deviations, out=deviations), first, last, 0.0)
    statuses = np.where(count == window.counts, GOOD, UNCERTAIN) | np.uint32(quality.CALCULATED)
    return Results(squares / np.maximum(count - sample, 1), np.where(count > 0, statuses, NO_DATA))


def standard_deviation(window: Window, *, sample: bool) -> Results:
    """Return the square root of the variance (§5.4.3.37, .39)."""
    results = variance(window, sample=sample)
    return Results(np.sqrt(results.values), results.statuses)
