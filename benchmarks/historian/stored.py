"""A store of many days, made as the historian makes it: appends, the archive, sealing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from plant.clock import TICKS_PER_SECOND, ticks_from_text
from timeseries.columns import Columns
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

T0 = ticks_from_text("2026-10-22T04:00:00Z")
DAY = 86_400 * TICKS_PER_SECOND
SIGNALS = [
    SignalInfo("R101.T", "K", 11),
    SignalInfo("R101.Ca", "mol/L", 11),
    SignalInfo("R101.Tc", "K", 11),
    SignalInfo("R101.q", "L/min", 11),
    SignalInfo("R101.TIC101.SP", "K", 11, stepped=True),
    SignalInfo("R102.T", "K", 11),
]
CHANGING = [info.name for info in SIGNALS if not info.stepped]
_BAD_EVERY = 5_000
_BAD_SENSOR_FAILURE = 0x808C0000


def make(folder: Path, days: int, say: Callable[[str], None]) -> None:
    """Write samples at 1 s, rounded as transmitters round them, one in 5,000 Bad; a setpoint every hour."""
    random = np.random.default_rng(1)
    with contextlib.closing(Store(folder)) as store, contextlib.closing(Upkeep(folder)) as upkeep:
        store.declare(SIGNALS)
        store.outbox.end()
        for day in range(days):
            for hour in range(24):
                store.append(_hour(store, random, T0 + day * DAY + hour * DAY // 24))
            while upkeep.take_in():
                pass
            upkeep.checkpoint()
            upkeep.seal(upkeep.newest_time() - DAY)
            say(f"{day + 1} of {days} days are stored")


def _hour(store: Store, random: np.random.Generator, start: int) -> Columns:
    count, width = 3600, len(CHANGING)
    times = start + np.arange(count) * TICKS_PER_SECOND
    level = np.array([350.0, 0.5, 305.0, 100.0, 350.0])
    swing = np.sin(np.arange(count) / 600.0)[:, None]
    values = np.round(level * (1.0 + 0.002 * swing + random.normal(0.0, 2e-4, (count, width))), 3)
    statuses = np.where(random.integers(0, _BAD_EVERY, (count, width)) == 0, _BAD_SENSOR_FAILURE, 0)
    changing = Columns.of(
        count * width,
        signals=np.tile(store.numbers(CHANGING), count),
        times=np.repeat(times, width),
        server_times=np.repeat(times + 20_000, width),
        statuses=statuses.ravel(),
        words=np.where(statuses.ravel() == 0, values.ravel().view(np.int64), 0),
    )
    setpoint = Columns.of(
        1,
        signals=store.numbers(["R101.TIC101.SP"]),
        times=start,
        server_times=start,
        words=np.array([350.0 + random.integers(0, 10)]).view(np.int64),
    )
    return Columns.joined([setpoint, changing])
