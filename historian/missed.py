"""What may be missing of each signal: read back from the server's history, where it is asked until it has told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from historian.gaps import MOST_REFUSALS, Refused, alike, halves, some
from historian.intake import Intake
from historian.messages.line_protocol import LATEST
from historian.metrics import Metrics
from historian.served import Place, Served
from historian.store_thread import StoreThread
from plant.clock import TICKS_PER_SECOND, ticks_from_seconds
from runtime.health import Health
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.values import Notification
from runtime.settings import HistorianSettings
from timeseries.retention import DAY_S
from timeseries.same_times import SameTimes
from timeseries.store import Store

log = logging.getLogger("historian")

NEVER = (0, 0)
"""Where a gap begins of a signal of which nothing was ever stored."""
CLOCKS_DIFFER = 5 * TICKS_PER_SECOND
"""So far a device's clock may be ahead of its server's that was never set; nothing takes so long to come live."""
FIRST_VALUES_S = 2.0
"""So long the present value of each signal is waited for, which another server sends of each item that it monitors."""
PARTS_S = 60.0
"""So long parts of a gap are asked for that is refused as a whole: other gaps wait meanwhile."""
BEHIND = TICKS_PER_SECOND // 1000
"""Ticks that the last sample may stand behind the time that it came with."""

Keep = Callable[[Notification, Intake, SameTimes | None], Awaitable[int]]
"""Stores samples that were read back; returns how many were not there."""


class Missed:
    """The gaps of all signals, over one connection after the other."""

    def __init__(
        self,
        store: Store,
        thread: StoreThread,
        metrics: Metrics,
        health: Health,
        settings: HistorianSettings,
        keep: Keep,
    ) -> None:
        self._store, self._thread, self._metrics, self._health = store, thread, metrics, health
        self._sampling = ticks_from_seconds(settings.sampling_s)
        self._reach = ticks_from_seconds(settings.retention_days * DAY_S)
        """What is older would not be kept."""
        self._keep = keep
        self._served = Served()
        self._gaps: dict[str, Place] = {}
        """Signals of which samples may be missing, with the last that is there."""
        self._has_gaps = asyncio.Event()
        self._opening: Counter[str] = Counter()
        """Of how many gaps of a signal the store is being told."""
        self._come: dict[str, int] = {}
        """Time of the newest sample of each signal that has come live over this connection."""
        self._has_come = asyncio.Event()
        self._until: dict[str, int] = {}
        """The same, when history was asked for what was missed: what is later comes live."""
        self._asked_at = 0
        """By the server's clock, when that was."""
        self._refused = Refused()
        self._lost: set[str] = set()
        """Signals without a history, of which that was said over this connection."""

    def begin(self, served: Served) -> None:
        """Take what the next connection is to."""
        self._served = served
        self._gaps, self._opening, self._come, self._lost = {}, Counter(), {}, set()
        self._refused.begin()

    async def open(self, names: list[str]) -> None:
        """Note that after what is stored of some signals there may be more at the server than comes."""
        self._opening.update(names)
        opened = await self._thread.do(self._store.open_gaps, names)
        self._gaps |= opened
        self._opening.subtract(names)  # not before: the store's thread may be closing the gap before it
        self._has_gaps.set()

    def come(self, dated: Notification) -> None:
        """Note what has come live."""
        if self._served.is_plant:
            return
        for place, ticks in zip(dated.index.tolist(), dated.source_time.tolist(), strict=True):
            name, newest = dated.signals[place], ticks or LATEST  # of what was never measured since it began
            self._come[name] = max(newest, self._come.get(name, newest))
        self._has_come.set()

    async def run(self, link: OpcuaLink) -> None:
        """Read back what is missing, for ever."""
        while True:
            await self._wait_for_gaps()
            gaps, self._gaps = self._gaps, {}
            await self._fetch(link, gaps)

    async def _wait_for_gaps(self) -> None:
        """Return when there are gaps to be filled: new ones, or refused ones that are asked for again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._refused.left_s(time.monotonic())):
                await self._has_gaps.wait()
        if self._refused.left_s(time.monotonic()) == 0:
            await self.open(self._refused.names)
        self._has_gaps.clear()

    async def _fetch(self, link: OpcuaLink, gaps: dict[str, Place]) -> None:
        """Read from the server's history what came since the beginning of each signal's gap.

        A gap stays open until that is stored, so that the next connection begins there again when this one dies; also
        where the server refuses, and is asked again later.
        """
        if not self._served.is_plant:
            await self._wait_for_values(gaps)
        self._until = dict(self._come)
        self._asked_at = await link.clock()
        end = self._asked_at + self._served.beyond
        unknown = [name for name in gaps if not self._served.infos[name].historizing]
        if lost := {name for name in unknown if gaps[name] != NEVER} - self._lost:
            log.warning("what was missed is lost, since the server keeps no history of %s", some(lost))
            self._lost |= lost
        await self._close_gaps(unknown)
        starts = {name: self._start(*gaps[name], end) for name in gaps if name not in unknown}
        found, waiting = 0, self._refused.names
        for names in alike(starts):
            refused: dict[str, int] = {}
            found += await self._read(link, names, np.array([starts[name] for name in names]), end, refused)
            await self._close_gaps([name for name in names if name not in refused])
            found += await self._read_parts(link, {name: starts[name] for name in refused}, end)
            self._refused.answered(names, refused)
        if found:
            log.info("%d samples were fetched from the server's history", found)
        if gaps.keys() >= set(waiting) and self._refused.left_s(time.monotonic()) == 0:
            self._refused.wait(time.monotonic())  # not before all that waited have been asked for
        self._tell_refused()

    async def _wait_for_values(self, names: Iterable[str]) -> None:
        """Return when something of each signal has come live, or does not come."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_VALUES_S):
                while not self._come.keys() >= set(names):
                    self._has_come.clear()
                    await self._has_come.wait()

    async def _read_parts(self, link: OpcuaLink, refused: dict[str, int], end: int) -> int:
        """Read what can be read of signals whose gap (ticks) is refused as a whole, by halves, the newest first.

        One damaged day hides no other then, and no older gap what was missed before this connection or lost over it; of
        those that were refused before over this connection only that is read again.
        """
        reached = self._served.reached
        newest = {name: self._start(*reached[name], end) for name in refused if name in reached}
        later = {name: start for name, start in newest.items() if start > refused[name]}
        starts = {name: later.get(name, end) if name in self._refused else start for name, start in refused.items()}
        first, cut = min(starts.values(), default=end), min(later.values(), default=end)
        last = end - self._served.beyond
        spans = [(first, cut), (cut, end)] if first < end and later else halves(first, end, last)
        parts = [(list(starts), *span) for span in spans]
        found = refusals = 0
        ends = time.monotonic() + PARTS_S
        while parts and refusals < MOST_REFUSALS and time.monotonic() < ends:
            names, low, high = parts.pop()
            if names := [name for name in names if starts[name] < high]:
                again: dict[str, int] = {}
                begins = np.array([max(starts[name], low) for name in names])
                found += await self._read(link, names, begins, high, again)
                refusals += len(again)
                parts += [(list(again), *span) for span in halves(low, high, last) if again]
        return found

    async def _read(
        self, link: OpcuaLink, names: list[str], starts: NDArray[np.int64], end: int, refused: dict[str, int]
    ) -> int:
        """Store what is from each signal's start up to the end; note who is refused, return how many samples it was."""
        start, found = int(starts.min()), 0
        same_times = None if self._served.is_plant else SameTimes()
        intake = Intake([self._served.infos[name] for name in names], self._sampling, self._served.ahead)
        if start < end:
            async for page in link.history_pages(names, start, end, on_refusal=refused.__setitem__):
                dated = page.timed()
                missed = dated.take((dated.source_time >= starts[dated.index]) & self._was_there(dated))
                found += await self._keep(missed, intake, same_times)
        return found

    def _start(self, epoch: int, last: int, end: int) -> int:
        """Return from when on something of a signal may be missing, ticks; of the last one's time, too, if that may.

        One that is ahead of another server's clock may have come by a clock that was set back since; where it would be
        refused by this clock, nobody knows by how much: all that would be kept may be missing.
        """
        if not self._served.is_plant:
            ahead = last - self._asked_at
            if ahead > self._served.ahead:
                last = 0
            else:
                last -= BEHIND if ahead <= CLOCKS_DIFFER else self._served.ahead
        epochs = self._served.epochs
        begin = last + 1 if epoch == epochs.present else min(last + 1, epochs.begin_behind(epoch))
        return max(begin, end - self._served.beyond - self._reach)

    def _was_there(self, data: Notification) -> NDArray[np.bool_]:
        """Tell what another server had when it was asked; what it gets since comes live, and of one time in its order.

        That is what is no later than what has come live, which may be of a clock that was set back since; or was there
        a while ago by the server's own, which may stand still for a second, or be behind those of its devices.
        """
        if self._served.is_plant:
            return np.ones(len(data), np.bool_)
        until = np.array([self._until.get(name, LATEST) for name in data.signals], np.int64)
        a_while_ago = self._asked_at - CLOCKS_DIFFER
        was_received = (data.server_time != 0) & (data.server_time <= a_while_ago)
        there: NDArray[np.bool_] = was_received | (data.source_time <= np.maximum(until[data.index], a_while_ago))
        return there

    async def _close_gaps(self, names: Sequence[str]) -> None:
        """Note that nothing of some signals is missing any more, but where there is a gap again."""
        await self._thread.do(self._close, names)

    def _close(self, names: Sequence[str]) -> None:
        self._store.close_gaps([name for name in names if name not in self._gaps and not self._opening[name]])

    def _tell_refused(self) -> None:
        if what := self._refused.unsaid():
            log.error("the server's history refuses what was missed: %s; it is asked again later", what)
        self._health.trouble("gaps", self._refused.why and f"gaps stay open: {self._refused.why}")
        self._health.detail["gaps"] = len(self._refused)
        self._metrics.refused_gaps(len(self._refused))
