"""Values at a time and aggregates, from a source that has samples only; computed as the store does it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np

from timeseries.aggregates import STANDARD, AggregateConfiguration, Series, aggregates, at_times
from timeseries.answers import Answer
from timeseries.columns import Columns
from timeseries.kinds import refuse_senseless
from timeseries.reading import FOREVER
from timeseries.signals import SignalInfo
from timeseries.spans import lacking, latest, near, series_of

FindInfo = Callable[[str], SignalInfo]


class Computed(ABC):
    """What can be answered from the samples of a span and the ones around it."""

    def __init__(self, info: FindInfo) -> None:
        self.info = info
        """Return unit, type and whether it is stepped; raises `BadInput`."""

    @abstractmethod
    async def now(self) -> int:
        """Return the present, up to which what is set is known to hold."""

    @abstractmethod
    async def around(self, name: str, low: int, high: int) -> Columns:
        """Return samples from the last before a time to the first at or after another."""

    @abstractmethod
    async def nearest(
        self, name: str, place: int, count: int, configuration: AggregateConfiguration, *, backward: bool
    ) -> Columns:
        """Return so many samples that are not bad, the last before a time or the first at and after it."""

    async def at(self, name: str, times: Sequence[int], configuration: AggregateConfiguration = STANDARD) -> Answer:
        """Return the value at each time."""
        wanted, present = np.array(times, np.int64), await self._present(name)
        parts = [
            (run, await self._series(name, int(wanted[run[0]]), int(wanted[run[-1]]), present, configuration))
            for run in near(wanted)
        ]
        found = at_times(wanted, parts, simple=True, configuration=configuration)
        return Answer.computed(name, wanted, found.values, found.statuses)

    async def aggregate(
        self,
        name: str,
        start: int,
        end: int,
        interval: int,
        function: str,
        configuration: AggregateConfiguration = STANDARD,
    ) -> Answer:
        """Return one value for each interval."""
        refuse_senseless(function, self.info(name))
        present = await self._present(name)
        series = await self._series(name, min(start, end), max(start, end), present, configuration)
        asked = (series, start, end, interval, function, configuration)
        results = await asyncio.to_thread(aggregates, *asked, as_query=True)
        return Answer.computed(name, results.times, results.values, results.statuses)

    async def _present(self, name: str) -> int:
        """Return up to when a signal that is stepped holds; of others it does not matter."""
        return await self.now() if self.info(name).stepped else FOREVER

    async def _series(
        self, name: str, low: int, high: int, present: int, configuration: AggregateConfiguration
    ) -> Series:
        info, found = self.info(name), latest(await self.around(name, low, high))
        if len(found):
            before, after = lacking(found, low, high, configuration)
            first, behind = int(found.times[0]), int(found.times[-1]) + 1
            if before:
                more = await self.nearest(name, first, before, configuration, backward=True)
                found = Columns.joined([more, found])
            if after:
                more = await self.nearest(name, behind, after, configuration, backward=False)
                found = Columns.joined([found, more])
        return series_of(info, found, min(high, present))
