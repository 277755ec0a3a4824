"""When samples were sent, kept once for all that were measured at one time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timeseries.columns import Columns, Ticks


class Clock:
    """When samples of one time were sent; at most so many times are kept, and more stand with the samples."""

    MOST = 2_000_000

    def __init__(self, times: Ticks | None = None, server_times: Ticks | None = None) -> None:
        self._times = np.empty(0, np.int64) if times is None else times
        self._server_times = np.empty(0, np.int64) if server_times is None else server_times

    def __len__(self) -> int:
        return len(self._times)

    def take(self, columns: Columns) -> NDArray[np.bool_]:
        """Learn of samples in order of time, and tell of which ones it knows all."""
        is_first = np.append([True], columns.times[1:] != columns.times[:-1])
        is_new = is_first & ~self._knows(columns.times)
        if is_new.any() and len(self) + int(is_new.sum()) <= self.MOST:
            times = np.concatenate((self._times, columns.times[is_new]))
            order = np.argsort(times, kind="stable")
            self._times = times[order]
            self._server_times = np.concatenate((self._server_times, columns.server_times[is_new]))[order]
        is_known: NDArray[np.bool_] = self.at(columns.times) == columns.server_times
        return is_known

    def at(self, times: Ticks) -> Ticks:
        """Return what it knows of some times, -1 where that is nothing."""
        if not len(self):
            return np.full(len(times), -1, np.int64)
        return np.where(self._knows(times), self._server_times[self._places(times)], -1)

    def _knows(self, times: Ticks) -> NDArray[np.bool_]:
        if not len(self):
            return np.zeros(len(times), np.bool_)
        known: NDArray[np.bool_] = self._times[self._places(times)] == times
        return known

    def _places(self, times: Ticks) -> NDArray[np.intp]:
        return np.minimum(np.searchsorted(self._times, times), len(self) - 1)

    def columns(self) -> Columns:
        """Return all of it as samples of no signal."""
        return Columns.of(len(self), times=self._times, server_times=self._server_times)
