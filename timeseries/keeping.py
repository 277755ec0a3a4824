"""The upkeep of a store as a task of the service that writes it: what is due is done in a thread of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from plant.clock import ticks_from_seconds
from timeseries.upkeep import Upkeep

LOOK_S, RETRY_S = 1.0, 5.0
BLOCKS, SAMPLES, OLDEST_S = 64, 65_536, 10.0
"""The log is archived when it has so many of one, or is so old: what is asked has to be looked for in all of it."""
TRIM_S, SCRUB_S = 60.0, 86_400.0
DAY, STEP = ticks_from_seconds(86_400.0), ticks_from_seconds(600.0)
MOST_UNSEALED = 2_000_000_000
"""Bytes of chunks: where a day has more, the older half is sealed."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How much is kept."""

    age: int
    """Ticks."""
    bytes: int


async def keep(
    folder: Path,
    retention: Retention,
    on_state: Callable[[str], None],
    on_forgotten: Callable[[int], None],
    on_damaged: Callable[[str], None],
) -> None:
    """Keep a store in order, for ever; `on_state` is told why it cannot be done, and "" when it can again.

    Checksums are looked at in the beginning, and each day.

    Raises:
        sqlite3.Error: naming a file that cannot be opened, and why.
    """
    worker = ThreadPoolExecutor(1, "upkeep")
    loop = asyncio.get_running_loop()
    keeper = await loop.run_in_executor(worker, _Keeper, folder, retention)
    is_failing = False
    try:
        while True:
            try:
                for damage in await loop.run_in_executor(worker, keeper.scrub_when_due):
                    on_damaged(damage)
                forgotten = await loop.run_in_executor(worker, keeper.do_what_is_due)
            except (sqlite3.Error, OSError) as error:
                is_failing = True
                on_state(str(error))
                await asyncio.sleep(RETRY_S)
                continue
            if is_failing:
                is_failing = False
                on_state("")
            if forgotten:
                on_forgotten(forgotten)
            await asyncio.sleep(LOOK_S)
    finally:
        keeper.is_ending.set()
        worker.submit(keeper.close)
        worker.shutdown()


class _Ending(Exception):  # noqa: N818
    """Leaves what takes long, and is begun anew by the next start."""


class _Keeper:
    def __init__(self, folder: Path, retention: Retention) -> None:
        self._upkeep = Upkeep(folder)
        self._retention = retention
        self._archived = self._trimmed = time.monotonic()
        self.is_ending = threading.Event()
        self._scrubbed = time.monotonic() - SCRUB_S

    def close(self) -> None:
        self._upkeep.close()

    def scrub_when_due(self) -> list[str]:
        """Return what is damaged."""
        if time.monotonic() - self._scrubbed < SCRUB_S:
            return []
        self._scrubbed = time.monotonic()
        return self._upkeep.damaged(self._between)

    def do_what_is_due(self) -> int:
        """Return how many samples were forgotten."""
        self._archive()
        if time.monotonic() - self._trimmed < TRIM_S:
            return 0
        self._seal()
        forgotten = self._trim()
        self._upkeep.checkpoint()
        self._trimmed = time.monotonic()
        return forgotten

    def _between(self) -> None:
        """Do between two parts of what takes long what cannot wait."""
        if self.is_ending.is_set():
            raise _Ending
        self._archive()

    def _archive(self) -> None:
        blocks, samples = self._upkeep.waiting()
        now = time.monotonic()
        if blocks >= BLOCKS or samples >= SAMPLES or (blocks and now - self._archived >= OLDEST_S):
            self._upkeep.take_in()
            self._archived = now

    def _seal(self) -> None:
        """Seal what is older than a day, a day at once."""
        newest = self._upkeep.newest_time()
        unsealed = self._upkeep.unsealed(newest - 2 * DAY)
        if unsealed.old:
            self._upkeep.seal(newest - DAY, self._between)
        elif unsealed.all > MOST_UNSEALED:
            self._upkeep.seal(unsealed.middle, self._between)

    def _trim(self) -> int:
        forgotten = self._upkeep.forget(self._upkeep.newest_time() - self._retention.age)
        while self._upkeep.size().kept > self._retention.bytes:
            oldest = self._upkeep.oldest()
            if oldest is None:
                break
            forgotten += self._upkeep.forget(oldest + STEP)
        return forgotten
