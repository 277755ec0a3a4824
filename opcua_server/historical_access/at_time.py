"""Values at given times (OPC 10000-11 v1.05 §6.5.5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opcua_server.historical_access.results import Results, columns_of
from timeseries.aggregates import at_times
from timeseries.columns import Columns
from timeseries.reading import History
from timeseries.signals import SignalInfo
from timeseries.spans import around, near


def read(history: History, number: int, info: SignalInfo, times: NDArray[np.int64], *, simple: bool) -> Columns:
    """Return the value at each time, in the order asked."""
    order = np.argsort(times, kind="stable")
    parts = [_near(history, number, info, run, simple=simple) for run in near(times[order])]
    ordered = Columns.joined([Columns.of(0), *parts])
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return ordered.take(back)


def _near(history: History, number: int, info: SignalInfo, times: NDArray[np.int64], *, simple: bool) -> Columns:
    series = around(history, number, info, int(times[0]), int(times[-1]))
    found = at_times(series, times, simple=simple)
    return columns_of(Results(times, found.values, found.statuses, series.decode), info)
