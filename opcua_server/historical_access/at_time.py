"""Values at given times (OPC 10000-11 v1.05 §6.5.5)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from opcua_server.historical_access.results import Results, columns_of
from plant.clock import TICKS_PER_SECOND
from timeseries.aggregates import at_times
from timeseries.columns import Columns
from timeseries.reading import History
from timeseries.signals import SignalInfo
from timeseries.spans import around

FAR = 600 * TICKS_PER_SECOND
"""Times that are so far from each other are looked for apart: what lies between them need not be read."""


def read(history: History, number: int, info: SignalInfo, times: NDArray[np.int64], *, simple: bool) -> Columns:
    """Return the value at each time, in the order asked."""
    order = np.argsort(times, kind="stable")
    parts = [_near(history, number, info, near, simple=simple) for near in _apart(times[order])]
    ordered = Columns.joined([Columns.of(0), *parts])
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return ordered.take(back)


def _near(history: History, number: int, info: SignalInfo, times: NDArray[np.int64], *, simple: bool) -> Columns:
    series = around(history, number, info, int(times[0]), int(times[-1]))
    found = at_times(series, times, simple=simple)
    return columns_of(Results(times, found.values, found.statuses, series.decode), info)


def _apart(times: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    edges = [0, *(np.flatnonzero(np.diff(times) > FAR) + 1).tolist(), len(times)]
    for first, last in itertools.pairwise(edges):
        if first < last:
            yield times[first:last]
