"""A server's history, made before the server starts."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import numpy as np

from plant.clock import TICKS_PER_SECOND, ticks_from_unix_ns
from plant.names import reactor_names
from plant.signals import DataType, reactor_signals
from timeseries.columns import Columns
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

AT_ONCE_S = 600


def record(folder: Path, reactors: int, hours: float) -> int:
    """Make a server's history of so many hours up to now; return how many samples it has."""
    infos = [
        SignalInfo(
            f"{reactor}.{signal.name}", signal.unit.symbol if signal.unit is not None else "", 11, signal.stepped
        )
        for reactor in reactor_names(reactors)
        for signal in reactor_signals(reactor)
        if signal.recorded and signal.data_type is DataType.DOUBLE
    ]
    end = ticks_from_unix_ns(time.time_ns()) - 60 * TICKS_PER_SECOND
    seconds = round(hours * 3600)
    random = np.random.default_rng(1)
    with contextlib.closing(Store(folder)) as store, contextlib.closing(Upkeep(folder)) as upkeep:
        store.declare(infos)
        numbers = store.numbers([info.name for info in infos])
        for start in range(0, seconds, AT_ONCE_S):
            count = min(AT_ONCE_S, seconds - start)
            times = end + (start - seconds + np.arange(count)) * TICKS_PER_SECOND
            values = np.round(350.0 + random.normal(0.0, 0.5, (count, len(infos))), 2)
            store.append(
                Columns.of(
                    values.size,
                    signals=np.tile(numbers, count),
                    times=np.repeat(times, len(infos)),
                    server_times=np.repeat(times + 20_000, len(infos)),
                    words=values.ravel().view(np.int64),
                )
            )
            upkeep.take_in()
        upkeep.checkpoint()
    return seconds * len(infos)
