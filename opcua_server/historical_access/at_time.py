"""Values at given times (OPC 10000-11 v1.05 §6.5.5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opcua_server.historical_access.results import Results, columns_of
from timeseries.aggregating import values_at
from timeseries.columns import Columns
from timeseries.reading import History
from timeseries.signals import SignalInfo


def read(history: History, number: int, info: SignalInfo, times: NDArray[np.int64], *, simple: bool) -> Columns:
    """Return the value at each time, in the order asked."""
    found = values_at(history, number, info, times, simple=simple)
    return columns_of(Results(times, found.values, found.statuses), info)
