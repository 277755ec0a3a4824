"""An aggregate of one interval whose samples come part by part: as many as one likes, few at once."""

from __future__ import annotations

import numpy as np

from timeseries.aggregates.computing import Aggregate, Aggregates, Seen
from timeseries.aggregates.intervals import Intervals
from timeseries.aggregates.series import Series


class Long:
    """What has been seen so far of the interval; parts follow each other, each but the first begins at a sample."""

    def __init__(self, aggregate: Aggregate, interval: Intervals) -> None:
        self._aggregate, self._interval = aggregate, interval
        self._low = int(interval.low[0])
        self._seen: list[Seen] = []

    @property
    def low(self) -> int:
        """From where on samples are wanted."""
        return self._low

    def take(self, series: Series, high: int) -> None:
        """Take the samples up to a time, and those around them as `Aggregate.of` wants them."""
        part = Intervals(np.array([self._low]), np.array([high]), self._interval.backward, np.zeros(1, np.bool_))
        seen = self._aggregate.seen(series if self._seen else series.from_first_data(), part)
        if seen is not None:
            self._seen = [Seen.whole([*self._seen, seen])]
        self._low = high

    def result(self) -> Aggregates:
        """Return it."""
        return self._aggregate.answered(self._seen[0] if self._seen else None, self._interval)
