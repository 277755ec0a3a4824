"""From the OPC UA server into the store: what arrives is committed before it is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from historian.epochs import EPOCH, Epochs
from historian.gaps import some
from historian.intake import Intake
from historian.listener import Listener
from historian.metrics import Metrics
from historian.missed import Missed
from historian.served import BEYOND, Served
from historian.store_thread import StoreThread
from plant import quality
from plant.clock import TICKS_PER_SECOND, UNIX_EPOCH_TICKS, ticks_from_seconds, ticks_from_unix_ns
from plant.signals import find_signal
from runtime.health import Health
from runtime.opcua_link.builtin import IS_FLOAT
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.nodes import require, try_again
from runtime.opcua_link.values import Notification, VariableInfo
from runtime.settings import HistorianSettings
from timeseries.columns import Columns
from timeseries.same_times import SameTimes
from timeseries.signals import SignalInfo
from timeseries.store import Store

log = logging.getLogger("historian")

PUBLISHING_S = 0.1
QUIET_S = 60.0
"""So long queues do not overflow before an overflow is said again."""


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
        self._listener = listener
        self._listed = {each.name: each for each in settings.nodes}
        """What is told of the nodes of a server that is none of ours."""
        self._same_times: SameTimes | None = None
        """Of what is live, where the server is none of ours: our plant's times rise."""
        self._live = Intake((), self._sampling)
        self._next_overflow_said = 0.0
        """When the next overflow is said, by the monotonic clock."""
        self._missed = Missed(store, thread, metrics, health, settings, self._keep_missed)
        self._missing: set[str] = set()
        """Listed nodes that the server does not have, or not as they should be."""
        self._wrong: set[str] = set()
        """Signals of which values were not kept over this connection."""
        self._served = Served()
        self._has_collected = False
        self._learning = asyncio.Lock()

    async def run(self, link: OpcuaLink) -> None:
        """Subscribe to every recorded or listed signal, fetch what was missed, and go on until the link is lost.

        Of another server, what is missing at first is a mistake in the settings; later the others go on without it, as
        they do without what the server has no room for.

        Raises:
            BadInput: naming what is missing.
        """
        missing: dict[str, str] = {}
        on_missing = missing.__setitem__ if self._has_collected and not link.is_plant else require
        found = [info for info in await link.variables(on_missing) if info.historizing or not link.is_plant]
        infos = [self._typed(info) for info in found]
        served = Served(link.is_plant, {info.name: info for info in infos})
        if link.is_plant:
            await self._learn_epochs(link, served.epochs)
        self._served, self._live = served, Intake(infos, self._sampling, served.ahead)
        await self._declare()
        self._wrong = set()
        self._health.trouble("values", "")
        self._health.trouble("queues", "")
        served.reached = await self._thread.do(self._store.newest)
        self._tell_epoch(max((epoch for epoch, _ in served.reached.values()), default=0))
        self._same_times = None
        if not link.is_plant:
            numbers = self._store.numbers(served.reached).tolist()
            self._same_times = SameTimes(dict(zip(numbers, served.reached.values(), strict=True)))
        self._missed.begin(served)
        await self._missed.open(list(served.infos))
        await link.subscribe(
            list(served.infos),
            self._take,
            publishing_s=PUBLISHING_S,
            on_missing=on_missing,
            on_no_room=try_again if link.is_plant else missing.__setitem__,
        )
        self._tell_missing(missing)
        if link.unqueued:
            what = f"the server keeps one value of {some(link.unqueued)} only: others of {PUBLISHING_S:g} s are lost"
            log.warning("%s", what)
            self._health.trouble("queues", what)
        self._health.ready("server")
        self._has_collected = True
        self._listener.subscribed()
        await self._missed.run(link)

    async def _declare(self) -> None:
        declared = [self._signal_info(info) for info in self._served.infos.values()]
        await self._thread.do(self._store.declare, declared)
        await self._listener.declared(declared)

    async def _learn_types(self, data: Notification, intake: Intake) -> None:
        """Have signals be of the types of their first values, where neither server nor store tells of one."""
        first = intake.first_types(data)
        if not first:
            return
        async with self._learning:  # what is live and what is read back may come at once
            infos, kinds = self._served.infos, {data.signals[place]: kind for place, kind in first.items()}
            new = [name for name in kinds if not infos[name].data_type]
            infos |= {name: replace(infos[name], data_type=kinds[name]) for name in new}
            if new:
                await self._declare()
                await self._missed.open([name for name in new if infos[name].historizing])
            for place in first:
                intake.learn(place, infos[data.signals[place]].data_type)

    def _typed(self, variable: VariableInfo) -> VariableInfo:
        """Return a Variable whose type is left open as one of the type that it had."""
        if variable.data_type or variable.name not in self._store.names():
            return variable
        (data_type,) = self._store.types_of(self._store.numbers([variable.name]))
        return replace(variable, data_type=data_type)

    def _tell_missing(self, missing: Mapping[str, str]) -> None:
        """Say what is not collected over this connection; in the log once, until all is there."""
        what = f"not collected: {some(missing.values())}" if missing else ""
        if missing.keys() - self._missing:
            log.error("%s", what)
        self._missing = set(missing)
        self._health.trouble("nodes", what)

    async def _learn_epochs(self, link: OpcuaLink, epochs: Epochs) -> None:
        """Learn all jumps that the server tells of; where its history is refused, the present epoch alone."""
        (epoch,) = await link.read([EPOCH])
        refused: dict[str, int] = {}
        end = await link.clock() + BEYOND
        async for jumps in link.history_pages([EPOCH], UNIX_EPOCH_TICKS, end, on_refusal=refused.__setitem__):
            epochs.learn(jumps.readings())
        epochs.learn([epoch])

    def _tell_epoch(self, stored: int) -> None:
        """Say where the store has had a later plant than this one: what is newest, and `now`, stay that one's."""
        what, present = "", self._served.epochs.present
        if stored > present:
            what = (
                f"the server is in epoch {present}, and what is stored has epoch {stored}, of a plant that was before: "
                "newest values and `now` stay that one's; for a history of its own, move DATA/historian away"
            )
            log.error("%s", what)
        self._health.trouble("epoch", what)

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
            await self._missed.open([data.signals[place] for place in np.unique(data.index[overflows]).tolist()])
        dated = data.timed(now)
        self._missed.come(dated)
        await self._keep(dated, self._live, self._same_times)

    async def _keep_missed(self, data: Notification, intake: Intake, same_times: SameTimes | None) -> int:
        return await self._keep(data, intake, same_times, historical=True)

    async def _keep(
        self, data: Notification, intake: Intake, same_times: SameTimes | None, *, historical: bool = False
    ) -> int:
        """Commit, however long that takes: only then may the notification be acknowledged."""
        self._served.epochs.learn(intake.jumps(data))
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
            epochs=self._served.epochs.at(data.source_time),
            times=data.source_time,
            server_times=data.server_time,
            statuses=data.status,
            words=np.where(is_bad, 0, data.words),
        )

    def _signal_info(self, variable: VariableInfo) -> SignalInfo:
        """Return what the store keeps of a Variable; where nothing is told of it, floating-point numbers are sloped."""
        known, listed = find_signal(variable.name), self._listed.get(variable.name)
        unit, stepped = variable.unit, not IS_FLOAT[variable.data_type]
        if listed is not None:
            unit, stepped = listed.unit, stepped if listed.stepped is None else listed.stepped
        elif known is not None:
            stepped = known.stepped
        return SignalInfo(variable.name, unit, variable.data_type, bool(stepped))
