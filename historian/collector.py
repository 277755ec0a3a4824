"""From the OPC UA server into the store: what arrives is committed before it is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from historian.epochs import EPOCH, Epochs
from historian.gaps import MOST_REFUSALS, Refused, alike, halves, some
from historian.intake import Intake
from historian.listener import Listener
from historian.messages.line_protocol import LATEST
from historian.metrics import Metrics
from historian.store_thread import StoreThread
from plant import quality
from plant.clock import TICKS_PER_SECOND, UNIX_EPOCH_TICKS, ticks_from_seconds, ticks_from_unix_ns
from plant.signals import find_signal
from runtime.health import Health
from runtime.opcua_link.builtin import IS_FLOAT
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.nodes import require
from runtime.opcua_link.values import Notification, VariableInfo
from runtime.settings import HistorianSettings
from timeseries.columns import Columns
from timeseries.retention import DAY_S
from timeseries.same_times import SameTimes
from timeseries.signals import SignalInfo
from timeseries.store import Store

log = logging.getLogger("historian")

PUBLISHING_S = 0.1
QUIET_S = 60.0
"""So long queues do not overflow before an overflow is said again."""
NEVER = (0, 0)
"""Where a gap begins of a signal of which nothing was ever stored."""
AHEAD = ticks_from_seconds(86_400.0)
"""So far may a value of another server be ahead of that server's clock; plant time may be anywhere."""
CLOCKS_DIFFER = 5 * TICKS_PER_SECOND
"""So far a device's clock may be ahead of its server's that was never set."""
BEYOND = TICKS_PER_SECOND
"""So far may a value of our plant be ahead of its clock, which is that of the last scan: what is written later is."""
FIRST_VALUES_S = 2.0
"""So long the present value of each signal is waited for, which another server sends of each item that it monitors."""
BEHIND = TICKS_PER_SECOND // 1000
"""Ticks that the last sample may stand behind the time that it came with."""


class Collector:
    """Writes what one server sends; the store is used from its own thread only."""

    def __init__(
        self,
        store: Store,
        thread: StoreThread,
        metrics: Metrics,
        health: Health,
        settings: HistorianSettings,
        listener: Listener,
    ) -> None:
        self._store, self._thread, self._metrics, self._health = store, thread, metrics, health
        self._sampling = ticks_from_seconds(settings.sampling_s)
        self._reach = ticks_from_seconds(settings.retention_days * DAY_S)
        """What is older would not be kept."""
        self._listener = listener
        self._listed = {each.name: each for each in settings.nodes}
        """What is told of the nodes of a server that is none of ours."""
        self._ahead, self._beyond = LATEST, BEYOND
        """How far a value may be ahead of the server's clock, and how far beyond that is read back."""
        self._same_times: SameTimes | None = None
        """Of what is live, where the server is none of ours: our plant's times rise."""
        self._live = Intake((), self._sampling)
        self._come: dict[str, int] = {}
        """Time of the newest sample of each signal that has come live over this connection."""
        self._has_come = asyncio.Event()
        self._until: dict[str, int] = {}
        """The same, when history was asked for what was missed: what is later comes live."""
        self._infos: dict[str, VariableInfo] = {}
        self._next_overflow_said = 0.0
        """When the next overflow is said, by the monotonic clock."""
        self._gaps: dict[str, tuple[int, int]] = {}
        """Signals of which samples may be missing: epoch and time of the last that is there."""
        self._opening: Counter[str] = Counter()
        """Of how many gaps of a signal the store is being told."""
        self._asked_at = 0
        """By the server's clock, when its history was asked for what was missed."""
        self._has_gaps = asyncio.Event()
        self._refused = Refused()
        self._reached: dict[str, tuple[int, int]] = {}
        """Epoch and time of the newest sample of each signal when the connection was made."""
        self._lost: set[str] = set()
        """Signals without a history, of which that was said over this connection."""
        self._missing: set[str] = set()
        """Listed nodes that the server does not have, or not as they should be."""
        self._wrong: set[str] = set()
        """Signals of which values were not kept over this connection."""
        self._epochs = Epochs()

    async def run(self, link: OpcuaLink) -> None:
        """Subscribe to every recorded or listed signal, fetch what was missed, and go on until the link is lost.

        Of another server, what is missing at first is a mistake in the settings; later the others go on without it.

        Raises:
            BadInput: naming what is missing.
        """
        missing: dict[str, str] = {}
        on_missing = missing.__setitem__ if self._infos and not link.is_plant else require
        infos = [info for info in await link.variables(on_missing) if info.historizing or not link.is_plant]
        self._infos = {info.name: info for info in infos}
        self._ahead, self._beyond = (LATEST, BEYOND) if link.is_plant else (AHEAD, AHEAD)
        self._live = Intake(infos, self._sampling, self._ahead)
        self._epochs = Epochs()
        if link.is_plant:
            await self._learn_epochs(link)
        await self._declare()
        self._gaps, self._opening, self._come = {}, Counter(), {}
        self._lost, self._wrong = set(), set()
        self._health.trouble("values", "")
        self._health.trouble("queues", "")
        self._reached = await self._thread.do(self._store.newest)
        self._tell_epoch(max((epoch for epoch, _ in self._reached.values()), default=0))
        numbers = self._store.numbers(self._reached).tolist()
        self._same_times = None if link.is_plant else SameTimes(dict(zip(numbers, self._reached.values(), strict=True)))
        self._refused.begin()
        await self._open_gaps(list(self._infos))
        await link.subscribe(list(self._infos), self._take, publishing_s=PUBLISHING_S, on_missing=on_missing)
        self._tell_missing(missing)
        if link.unqueued:
            what = f"the server keeps one value of {some(link.unqueued)} only: others of {PUBLISHING_S:g} s are lost"
            log.warning("%s", what)
            self._health.trouble("queues", what)
        self._health.ready("server")
        self._listener.subscribed()
        while True:
            await self._wait_for_gaps()
            gaps, self._gaps = self._gaps, {}
            await self._fetch_missed(link, gaps)

    async def _declare(self) -> None:
        declared = [self._signal_info(info) for info in self._infos.values()]
        await self._thread.do(self._store.declare, declared)
        await self._listener.declared(declared)

    async def _learn_types(self, data: Notification, intake: Intake) -> None:
        """Have signals be of the types of their first values, where the server tells of none."""
        first = {data.signals[place]: (place, kind) for place, kind in intake.first_types(data).items()}
        new = [name for name in first if not self._infos[name].data_type]
        self._infos |= {name: replace(self._infos[name], data_type=first[name][1]) for name in new}
        if new:
            await self._declare()
            await self._open_gaps([name for name in new if self._infos[name].historizing])
        for name, (place, _) in first.items():
            intake.learn(place, self._infos[name].data_type)

    def _tell_missing(self, missing: Mapping[str, str]) -> None:
        """Say what is not collected over this connection; in the log once, until all is there."""
        what = f"not collected: {some(missing.values())}" if missing else ""
        if missing.keys() - self._missing:
            log.error("%s", what)
        self._missing = set(missing)
        self._health.trouble("nodes", what)

    async def _learn_epochs(self, link: OpcuaLink) -> None:
        """Learn all jumps that the server tells of; where its history is refused, the present epoch alone."""
        (epoch,) = await link.read([EPOCH])
        refused: dict[str, int] = {}
        end = await link.clock() + self._beyond
        async for jumps in link.history_pages([EPOCH], UNIX_EPOCH_TICKS, end, on_refusal=refused.__setitem__):
            self._epochs.learn(jumps.readings())
        self._epochs.learn([epoch])

    def _tell_epoch(self, stored: int) -> None:
        """Say where the store has had a later plant than this one: what is newest, and `now`, stay that one's."""
        what = ""
        if stored > self._epochs.present:
            what = f"the server is in epoch {self._epochs.present}, and what is stored has epoch {stored}, of a plant "
            what += "that was before: newest values and `now` stay that one's; for a history of its own, move "
            what += "DATA/historian away"
            log.error("%s", what)
        self._health.trouble("epoch", what)

    async def _wait_for_gaps(self) -> None:
        """Return when there are gaps to be filled: new ones, or refused ones that are asked for again."""
        try:
            async with asyncio.timeout(self._refused.left_s(time.monotonic())):
                await self._has_gaps.wait()
        except TimeoutError:
            await self._open_gaps(self._refused.names)
        self._has_gaps.clear()

    async def _open_gaps(self, names: list[str]) -> None:
        """Note that after what is stored of some signals there may be more at the server than comes."""
        self._opening.update(names)
        opened = await self._thread.do(self._store.open_gaps, names)
        self._opening.subtract(names)
        self._gaps |= opened
        self._has_gaps.set()

    async def _fetch_missed(self, link: OpcuaLink, gaps: dict[str, tuple[int, int]]) -> None:
        """Read from the server's history what came since the beginning of each signal's gap.

        A gap stays open until that is stored, so that the next connection begins there again when this one dies; also
        where the server refuses, and is asked again later.
        """
        if self._same_times is not None:
            await self._wait_for_values(gaps)
        self._until = dict(self._come)
        self._asked_at = await link.clock()
        end = self._asked_at + self._beyond
        unknown = [name for name in gaps if not self._infos[name].historizing]
        if lost := {name for name in unknown if gaps[name] != NEVER} - self._lost:
            log.warning("what was missed is lost, since the server keeps no history of %s", some(lost))
            self._lost |= lost
        await self._close_gaps(unknown)
        starts = {name: self._start(*gaps[name], end) for name in gaps if name not in unknown}
        found = 0
        for names in alike(starts):
            refused: dict[str, int] = {}
            found += await self._read_back(link, names, np.array([starts[name] for name in names]), end, refused)
            await self._close_gaps([name for name in names if name not in refused])
            found += await self._read_parts(link, {name: starts[name] for name in refused}, end)
            self._refused.answered(names, refused)
        if found:
            log.info("%d samples were fetched from the server's history", found)
        self._tell_refused()

    async def _read_parts(self, link: OpcuaLink, refused: dict[str, int], end: int) -> int:
        """Read what can be read of signals whose gap (ticks) is refused as a whole, by halves, the newest first.

        One damaged day hides no other then, and no older gap what was missed before this connection or lost over it; of
        those that were refused before over this connection only that is read again.
        """
        newest = {name: self._start(*self._reached[name], end) for name in refused if name in self._reached}
        later = {name: start for name, start in newest.items() if start > refused[name]}
        starts = {name: later.get(name, end) if name in self._refused else start for name, start in refused.items()}
        first, cut = min(starts.values(), default=end), min(later.values(), default=end)
        last = end - self._beyond
        spans = [(first, cut), (cut, end)] if first < end and later else halves(first, end, last)
        parts = [(list(starts), *span) for span in spans]
        found = refusals = 0
        while parts and refusals < MOST_REFUSALS:
            names, low, high = parts.pop()
            if names := [name for name in names if starts[name] < high]:
                again: dict[str, int] = {}
                begins = np.array([max(starts[name], low) for name in names])
                found += await self._read_back(link, names, begins, high, again)
                refusals += bool(again)
                parts += [(list(again), *span) for span in halves(low, high, last) if again]
        return found

    def _tell_refused(self) -> None:
        if self._refused.left_s(time.monotonic()) == 0:
            self._refused.wait(time.monotonic())
        if what := self._refused.unsaid():
            log.error("the server's history refuses what was missed: %s; it is asked again later", what)
        self._health.trouble("gaps", self._refused.why and f"gaps stay open: {self._refused.why}")
        self._health.detail["gaps"] = len(self._refused)
        self._metrics.refused_gaps(len(self._refused))

    def _start(self, epoch: int, last: int, end: int) -> int:
        """Return from when on something of a signal may be missing, ticks; of the last one's time, too, if that may.

        One that is ahead of another server's clock may have come by a clock that was set back since.
        """
        if self._same_times is not None:
            last -= BEHIND if last <= self._asked_at + CLOCKS_DIFFER else self._ahead
        begin = last + 1 if epoch == self._epochs.present else min(last + 1, self._epochs.begin_behind(epoch))
        return max(begin, end - self._beyond - self._reach)

    async def _read_back(
        self, link: OpcuaLink, names: list[str], starts: NDArray[np.int64], end: int, refused: dict[str, int]
    ) -> int:
        """Store what is from each signal's start up to the end; note who is refused, return how many samples it was."""
        start, found = int(starts.min()), 0
        same_times = None if self._same_times is None else SameTimes()
        intake = Intake([self._infos[name] for name in names], self._sampling, self._ahead)
        if start < end:
            async for page in link.history_pages(names, start, end, on_refusal=refused.__setitem__):
                dated = page.timed()
                missed = dated.take((dated.source_time >= starts[dated.index]) & self._was_there(dated))
                found += await self._keep(missed, intake, same_times, historical=True)
        return found

    def _was_there(self, data: Notification) -> NDArray[np.bool_]:
        """Tell what another server had when it was asked; what it gets since comes live, and of one time in its order.

        Its clock tells nothing of that: it may stand still for a second, and those of its devices may be ahead.
        """
        if self._same_times is None:
            return np.ones(len(data), np.bool_)
        until = np.array([self._until.get(name, LATEST) for name in data.signals], np.int64)
        there: NDArray[np.bool_] = data.source_time <= until[data.index]
        return there

    async def _wait_for_values(self, names: Iterable[str]) -> None:
        """Return when something of each signal has come live, or does not come."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_VALUES_S):
                while not self._come.keys() >= set(names):
                    self._has_come.clear()
                    await self._has_come.wait()

    async def _close_gaps(self, names: Sequence[str]) -> None:
        """Note that nothing of some signals is missing any more, but where there is a gap again."""
        await self._thread.do(self._close, names)

    def _close(self, names: Sequence[str]) -> None:
        self._store.close_gaps([name for name in names if name not in self._gaps and not self._opening[name]])

    async def _take(self, data: Notification) -> None:
        now = ticks_from_unix_ns(time.time_ns())
        if sent := int(data.server_time.max(initial=0)):
            lag_s = (now - sent) / TICKS_PER_SECOND
            self._health.detail["lag_s"] = round(lag_s, 3)
            self._metrics.lag(lag_s)
        if (overflows := data.overflows).any():
            self._metrics.overflowed(int(np.count_nonzero(overflows)))
            if (moment := time.monotonic()) >= self._next_overflow_said:
                log.warning("the server's queues overflowed, this side was too slow; what was lost there is read back")
            self._next_overflow_said = moment + QUIET_S
            await self._open_gaps([data.signals[place] for place in np.unique(data.index[overflows]).tolist()])
        dated = data.timed(now)
        if self._same_times is not None:
            self._note_come(dated)
        await self._keep(dated, self._live, self._same_times)

    def _note_come(self, dated: Notification) -> None:
        for place, ticks in zip(dated.index.tolist(), dated.source_time.tolist(), strict=True):
            name, newest = dated.signals[place], ticks or LATEST  # of what was never measured since it began
            self._come[name] = max(newest, self._come.get(name, newest))
        self._has_come.set()

    async def _keep(
        self, data: Notification, intake: Intake, same_times: SameTimes | None, *, historical: bool = False
    ) -> int:
        """Commit, however long that takes: only then may the notification be acknowledged."""
        self._epochs.learn(intake.jumps(data))
        await self._learn_types(data, intake)
        taken = intake.taken(data)
        if taken.wrong_signals:
            self._tell_wrong({data.signals[place] for place in taken.wrong_signals})
        columns = self._columns(taken.data)
        fresh = await self._thread.do(
            self._commit, columns, len(data), taken.rejected, same_times, historical=historical
        )
        if fresh:
            self._listener.stored()
        return fresh

    def _tell_wrong(self, names: set[str]) -> None:
        """Say of whose signals values are not kept, of each once over a connection."""
        if new := names - self._wrong:
            self._wrong |= new
            why = "of another type than the signal's, no finite number, or of a time that cannot be"
            log.warning("values of %s are not kept: %s", some(new), why)
            self._health.trouble("values", f"values of {some(self._wrong)} are not kept: {why}")

    def _commit(
        self,
        columns: Columns,
        received: int,
        rejected: Mapping[str, int],
        same_times: SameTimes | None,
        *,
        historical: bool,
    ) -> int:
        """Store samples, and count them in the same breath, also where nobody waits for it any more."""
        fresh = self._store.append(columns, historical=historical, same_times=same_times)
        numbers, counts = np.unique(fresh.signals, return_counts=True)
        self._metrics.received(received)
        self._metrics.stored(zip(self._store.names_of(numbers), counts.tolist(), strict=True))
        for reason, count in rejected.items():
            self._metrics.rejected(reason, count)
        self._metrics.rejected("duplicate", len(columns) - len(fresh))
        return len(fresh)

    def _columns(self, data: Notification) -> Columns:
        """Return the rows as the store takes them: a Bad one has no value."""
        is_bad = data.status >= quality.BAD
        return Columns.of(
            len(data),
            {row: text for row, text in data.texts.items() if not is_bad[row]},
            signals=self._store.numbers(data.signals)[data.index],
            epochs=self._epochs.at(data.source_time),
            times=data.source_time,
            server_times=data.server_time,
            statuses=data.status,
            words=np.where(is_bad, 0, data.words),
        )

    def _signal_info(self, variable: VariableInfo) -> SignalInfo:
        """Return what the store keeps of a Variable; where nothing is told of it, floating-point numbers are sloped.

        One whose type is not known yet is of the type that it had.
        """
        known, listed = find_signal(variable.name), self._listed.get(variable.name)
        data_type = variable.data_type
        if not data_type and variable.name in self._store.names():
            (data_type,) = self._store.types_of(self._store.numbers([variable.name]))
        unit, stepped = variable.unit, not IS_FLOAT[data_type]
        if listed is not None:
            unit, stepped = listed.unit, stepped if listed.stepped is None else listed.stepped
        elif known is not None:
            stepped = known.stepped
        return SignalInfo(variable.name, unit, data_type, bool(stepped))
