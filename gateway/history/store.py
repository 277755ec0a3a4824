"""History from the historian's own store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

from runtime.errors import BadInput, CouldNotRun
from timeseries.aggregates import STANDARD, AggregateConfiguration
from timeseries.answers import Answer
from timeseries.packing import Damaged
from timeseries.reader import Reader, UnknownSignal
from timeseries.signals import SignalInfo

P = ParamSpec("P")
R = TypeVar("R")

STORE = Path("historian") / "history"
"""In the data of a plant."""


class StoreHistory:
    """Reads in threads, one at a time: what takes long can be told of meanwhile."""

    def __init__(self, data: Path) -> None:
        path = data / STORE
        if not path.exists():
            message = f"no history in {data}: start the plant with `make run`, or name its directory with --data DIR"
            raise CouldNotRun(message)
        try:
            self._reader = Reader(path)
        except sqlite3.Error as error:
            raise CouldNotRun(str(error)) from None

    def close(self) -> None:
        """Close it."""
        self._reader.close()

    async def now(self) -> int:
        """Return the newest stored time."""
        return await self._asked(self._reader.newest_time)

    async def last(self, name: str) -> Answer:
        """Return the newest sample, or nothing."""
        return await self._asked(self._reader.newest, name)

    async def pages(self, name: str, start: int, end: int) -> AsyncIterator[Answer]:
        """Yield samples with start <= time < end."""
        pages = self._reader.pages(name, start, end)
        while (page := await self._asked(next, pages, None)) is not None:
            yield page

    async def at(self, name: str, times: Sequence[int], configuration: AggregateConfiguration = STANDARD) -> Answer:
        """Return the value at each time."""
        return await self._asked(self._reader.at, name, times, configuration)

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
        return await self._asked(self._reader.aggregated, name, start, end, interval, function, configuration)

    def info(self, name: str) -> SignalInfo:
        """Return unit, type and whether it is stepped."""
        return _told(self._reader.info, name)

    async def _asked(self, question: Callable[P, R], *arguments: P.args, **keywords: P.kwargs) -> R:
        return await asyncio.to_thread(lambda: _told(question, *arguments, **keywords))


def _told(question: Callable[P, R], *arguments: P.args, **keywords: P.kwargs) -> R:
    """Return an answer, or say what is wrong in the words of commands."""
    try:
        return question(*arguments, **keywords)
    except UnknownSignal as error:
        raise BadInput(str(error)) from None
    except (Damaged, sqlite3.Error) as error:
        raise CouldNotRun(str(error)) from None
