"""An aggregate of one interval whose samples come part by part: as many as one likes, few at once."""

from __future__ import annotations

import numpy as np

from timeseries.aggregates.computing import Aggregate, Processed, Seen
from timeseries.aggregates.intervals import Intervals
from timeseries.aggregates.series import Series


class Long:
    """What has been seen so far of the interval; parts follow each other, each but the first begins at a sample."""

    def __init__(self, aggregate: Aggregate, interval: Intervals) -> None:
        self._aggregate, self._interval = aggregate, interval
        self._low = self._taken_to = int(interval.low[0])
        self._high = int(interval.high[0])
        self._seen: Seen | None = None

    @property
    def low(self) -> int:
        """From where on samples are wanted."""
        return self._taken_to

    def take(self, series: Series, high: int) -> None:
        """Take the samples up to a time, and those around them as `Aggregate.of` wants them.

        What is in front of all data is of the part where that begins.
        """
        self._taken_to = high
        if self._seen is None:
            series = series.from_first_data()
            if high < self._high and (not len(series.times) or series.times[0] >= high):
                return
        part = Intervals(np.array([self._low]), np.array([high]), self._interval.backward, np.zeros(1, np.bool_))
        seen = self._aggregate.seen(series, part)
        if seen is not None:
            self._seen = Seen.whole([seen] if self._seen is None else [self._seen, seen])
        self._low = high

    def result(self) -> Processed:
        """Return it."""
        return self._aggregate.answered(self._seen, self._interval)
