"""Standard deviations and variances (OPC 10000-13 v1.05 §5.4.3.37 to §5.4.3.40)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plant import quality
from timeseries.aggregates.asked import Asked
from timeseries.aggregates.facts import Counts, Facts
from timeseries.aggregates.intervals import Places, over
from timeseries.aggregates.series import Values
from timeseries.aggregates.window import GOOD, NO_DATA, UNCERTAIN, Results, Window


@dataclass(frozen=True, slots=True, eq=False)
class Spread(Facts):
    """The means of the Good values, and the squares of what each is away from it, added."""

    counts: Places
    means: Values
    squares: Values

    @classmethod
    def of(cls, window: Window) -> Spread:
        """Compute them."""
        good = window.good
        first, last, count = good.first, good.last, good.counts
        values = good.of(window.series.values)[first[0] : last[-1]]
        first, last = first - first[0], last - first[0]
        means = over(np.add, values, first, last, 0.0) / np.maximum(count, 1)
        deviations = values - np.repeat(means, count)
        return cls(count, means, over(np.add, np.square(deviations, out=deviations), first, last, 0.0))

    def whole(self) -> Spread:
        """Return those about the mean of all (Chan, Golub and LeVeque, 1979)."""
        count = self.counts.sum(keepdims=True)
        mean = (self.counts * self.means).sum(keepdims=True) / np.maximum(count, 1)
        return Spread(count, mean, (self.squares + self.counts * np.square(self.means - mean)).sum(keepdims=True))


def variance(asked: Asked, counts: Counts, spread: Spread, *, sample: bool) -> Results:
    """Return the variance of the Good raw values, of a sample (n - 1) or of all (n); 0 of one (§5.4.3.38, .40)."""
    statuses = np.where(counts.good == counts.all, GOOD, UNCERTAIN) | np.uint32(quality.CALCULATED)
    values = spread.squares / np.maximum(counts.good - sample, 1)
    return Results(values, np.where(counts.good > 0, statuses, NO_DATA))


def standard_deviation(asked: Asked, counts: Counts, spread: Spread, *, sample: bool) -> Results:
    """Return the square root of the variance (§5.4.3.37, .39)."""
    results = variance(asked, counts, spread, sample=sample)
    return Results(np.sqrt(results.values), results.statuses)
