"""Values at a time and aggregates, from a source that has samples only; computed as the store does it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from plant.sample import Scalar
from plant.signals import Signal, find_signal
from runtime.errors import BadInput
from timeseries.aggregates import Series, interpolated, query
from timeseries.answers import Answer
from timeseries.columns import Columns
from timeseries.signals import SignalInfo
from timeseries.spans import series_of, wider


class Computed(ABC):
    """What can be answered from the samples of a span and the ones around it."""

    @abstractmethod
    async def around(self, name: str, low: int, high: int) -> Columns:
        """Return samples from the last at or before a time to the first at or after another."""

    async def at(self, name: str, times: Sequence[int]) -> Answer:
        """Return the value at each time."""
        found: list[tuple[Scalar | None, int]] = []
        for time in times:
            found.append(interpolated(await self._series(name, time, time), time))
        values, statuses = np.full(len(found), None, object), np.array([status for _, status in found], np.uint32)
        values[:] = [value for value, _ in found]
        return Answer.computed(name, np.array(times, np.int64), values, statuses)

    async def aggregate(self, name: str, start: int, end: int, interval: int, function: str) -> Answer:
        """Return one value for each interval."""
        series = await self._series(name, min(start, end), max(start, end))
        span = wider(series, start, end, interval)
        if span is not None:
            series = await self._series(name, *span)
        results = await asyncio.to_thread(query, series, start, end, interval, function)
        return Answer.computed(name, results.times, results.values, results.statuses)

    def info(self, name: str) -> SignalInfo:
        """Return unit, type and whether it is stepped."""
        signal = known_signal(name)
        unit = signal.unit.symbol if signal.unit is not None else ""
        return SignalInfo(name, unit, signal.data_type.value, signal.stepped)

    async def _series(self, name: str, low: int, high: int) -> Series:
        return series_of(self.info(name), await self.around(name, low, high), high)


def known_signal(name: str) -> Signal:
    """Return a signal of the plant.

    Raises:
        BadInput: naming one that is none.
    """
    signal = find_signal(name)
    if signal is None:
        message = f"signal {name!r} is unknown; `cstr-gateway tags` lists all"
        raise BadInput(message)
    return signal
