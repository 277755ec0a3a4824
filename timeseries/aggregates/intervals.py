"""The intervals of a span (OPC 10000-13 v1.05 §5.4.2.2), and sums over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from plant.clock import ticks_from_seconds
from timeseries.aggregates.series import Mask, Times

MOST_INTERVALS = 100_000

Places = NDArray[np.intp]
Column = TypeVar("Column", bound=np.generic)


def ticks_of_interval(seconds: float) -> int:
    """Return the ticks of a processing interval.

    Raises:
        ValueError: for one that is not 0, which makes one of all, but would become it.
    """
    ticks = ticks_from_seconds(seconds)
    if seconds and not ticks:
        message = f"interval: {seconds:g} s is too short; allowed is 0 (one for all), or 100 ns and more"
        raise ValueError(message)
    return ticks


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """One after the other in order of time, whichever way they were asked for."""

    low: Times
    high: Times
    backward: bool
    """False: low <= time < high; True: low < time <= high, and `high` is where an interval starts."""
    rest: Mask
    """True for the shorter one that is left where the processing interval does not divide the span."""

    @classmethod
    def between(cls, start: int, end: int, interval: int, done: int = 0, most: int = MOST_INTERVALS + 1) -> Intervals:
        """Return the intervals of `interval` ticks from `start` to `end`; backward when the end is before the start.

        At most so many of them, behind those that are done.

        Raises:
            ValueError: naming what is allowed.
        """
        if interval < 0 or start == end:
            message = "interval: allowed is 0 (one for all) and more, and an end other than the start"
            raise ValueError(message)
        span = abs(end - start)
        interval = min(interval, span) or span
        left = -(-span // interval) - done
        count = min(left, most)
        if count > MOST_INTERVALS:
            message = f"interval: {left} intervals are asked for, at most {MOST_INTERVALS}"
            raise ValueError(message)
        edges = np.minimum(np.arange(done, done + count + 1, dtype=np.int64) * interval, span)
        edges = start + edges if end > start else start - edges[::-1]
        low, high = edges[:-1], edges[1:]
        return cls(low, high, end < start, high - low < interval)

    @property
    def starts(self) -> Times:
        """Where they start, as time flows."""
        return self.high if self.backward else self.low

    def __getitem__(self, rows: slice) -> Intervals:
        """Return some of them, by their places in order of time."""
        return Intervals(self.low[rows], self.high[rows], self.backward, self.rest[rows])

    def before(self, first: int) -> Mask:
        """Return which are entirely before the first sample."""
        return self.high < first if self.backward else self.high <= first

    def behind(self, end: int) -> Mask:
        """Return which are entirely behind the end of data."""
        return self.low >= end if self.backward else self.low > end

    def partial(self, first: int, end: int) -> Mask:
        """Return which are not complete where data is from the first sample to an end (§5.3.3.2)."""
        low, high = self.low, self.high
        if self.backward:
            began, ended, goes_on = (low < first) & (first <= high), (low < end) & (end < high), first <= low
        else:
            began, ended, goes_on = (low < first) & (first < high), (low <= end) & (end < high), end >= high
        return began | ended | (self.rest & goes_on)

    def places(self, times: Times) -> tuple[Places, Places]:
        """Return, for each interval, the place of its first sample and the place behind its last one."""
        side: Any = "right" if self.backward else "left"
        edges = np.searchsorted(times, np.append(self.low, self.high[-1]), side=side)
        return edges[:-1], edges[1:]


def over(ufunc: np.ufunc, column: NDArray[Any], first: Places, last: Places, empty: float) -> NDArray[Any]:
    """Return `ufunc` over column[first:last] for each of several ranges in order, `empty` where a range is."""
    result = np.full(first.shape, empty, column.dtype)
    some = first < last
    edges = np.column_stack((first[some], last[some])).ravel()
    if edges.size:
        result[some] = ufunc.reduceat(column[: edges[-1]], edges[:-1])[::2]
    return result


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """Some of the samples: where they stand, and the ranges of them in each interval."""

    places: Places
    first: Places
    last: Places

    @classmethod
    def where(cls, mask: Mask, first: Places, last: Places) -> Chosen:
        """Return those that the mask names."""
        if mask.all():
            return cls(np.arange(len(mask)), first, last)
        places = np.flatnonzero(mask)
        return cls(places, np.searchsorted(places, first), np.searchsorted(places, last))

    def of(self, column: NDArray[Column]) -> NDArray[Column]:
        """Return what a column has of them."""
        return column if len(self.places) == len(column) else column[self.places]

    @property
    def counts(self) -> Places:
        """How many in each interval."""
        return self.last - self.first

    def earliest(self) -> Places:
        """Return the place of the first in each interval; of no meaning where there is none."""
        return self._at(self.first)

    def latest(self) -> Places:
        """Return the place of the last in each interval; of no meaning where there is none."""
        return self._at(self.last - 1)

    def _at(self, index: Places) -> Places:
        if not self.places.size:
            return np.zeros_like(index)
        return self.places[np.clip(index, 0, self.places.size - 1)]
