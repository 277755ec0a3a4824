"""History from the running server: HistoryRead over OPC UA."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import numpy as np

from gateway.history.computed import Computed, FindInfo
from plant.clock import UNIX_EPOCH_TICKS, ticks_from_text
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.values import Notification
from timeseries.aggregates import AggregateConfiguration
from timeseries.answers import Answer
from timeseries.columns import Columns
from timeseries.spans import FAR, known, latest, some_of

EARLIEST, LATEST = UNIX_EPOCH_TICKS, ticks_from_text("2262-01-01T00:00:00Z")


class ServerHistory(Computed):
    """Asks for raw samples only: `query` holds what is set, where the server's TimeAverage draws lines (ADR 15)."""

    def __init__(self, link: OpcuaLink, info: FindInfo) -> None:
        super().__init__(info)
        self._link = link

    async def now(self) -> int:
        """Return plant time, of another server its clock."""
        return await self._link.clock()

    async def last(self, name: str) -> Answer:
        """Return the present value."""
        info = self.info(name)
        (present,) = await self._link.read([name])
        value = None if present.is_bad else present.value
        texts = {0: str(value)} if info.is_text and value is not None else {}
        words = np.array([info.word(value)])
        columns = Columns.of(
            1, texts, times=present.source_time or present.server_time, statuses=present.status, words=words
        )
        return Answer.of_columns(info, columns)

    async def pages(self, name: str, start: int, end: int) -> AsyncIterator[Answer]:
        """Yield samples with start <= time < end."""
        info = self.info(name)
        async for page in self._link.history_pages([name], max(start, EARLIEST), end):
            columns = _columns(page, end)
            if len(columns):
                yield Answer.of_columns(info, columns)

    async def around(self, name: str, low: int, high: int) -> Columns:
        """Return samples from the last before a time to the first at or after another."""
        low = max(low, EARLIEST + 1)
        if self._link.is_plant:
            return _columns(await self._link.history(name, low - 1, max(high, low), bounds=True))
        found = await self._between(name, low, high + 1)
        if not len(found) or found.times[0] >= low:
            found = Columns.joined([await self._beyond(name, low, 1, latest, backward=True), found])
        if not len(found) or found.times[-1] < high:
            found = Columns.joined([found, await self._beyond(name, high + 1, 1, latest, backward=False)])
        return found

    async def nearest(
        self, name: str, place: int, count: int, configuration: AggregateConfiguration, *, backward: bool
    ) -> Columns:
        """Return so many samples that are not bad, the last before a time or the first at and after it."""
        return await self._beyond(
            name, place, count, lambda columns: known(latest(columns), configuration), backward=backward
        )

    async def _beyond(
        self, name: str, place: int, count: int, wanted: Callable[[Columns], Columns], *, backward: bool
    ) -> Columns:
        """Return so many samples of those wanted; not every server has bounds, so it is looked further and further."""
        found, reach = Columns.of(0), FAR
        while len(found) < count and EARLIEST < place < LATEST:
            edge = max(EARLIEST, place - reach) if backward else min(LATEST, place + reach)
            some = wanted(await self._between(name, *((edge, place) if backward else (place, edge))))
            found = Columns.joined([some, found] if backward else [found, some])
            place, reach = edge, 2 * reach
        return some_of(found, count, backward=backward)

    async def _between(self, name: str, low: int, high: int) -> Columns:
        """Return samples with low <= time < high."""
        return _columns(await self._link.history(name, low, high), high)


def _columns(answer: Notification, end: int = LATEST) -> Columns:
    """Return what the server has sent of times before an end; of which epoch it is, it does not say."""
    dated = answer.timed()
    page = dated.take(dated.source_time < end)
    words = np.where(page.types == 0, 0, page.words)
    return Columns.of(len(page), page.texts, times=page.source_time, statuses=page.status, words=words)
