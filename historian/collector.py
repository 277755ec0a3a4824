"""From the OPC UA server into the store: what arrives is committed before it is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable

from historian.epochs import EPOCH, Epochs
from historian.metrics import Metrics
from historian.store_thread import StoreThread
from historian.thinning import Thinning
from plant import quality
from plant.clock import TICKS_PER_SECOND, UNIX_EPOCH_TICKS, ticks_from_seconds, ticks_from_unix_ns
from plant.names import PLANT
from plant.sample import Sample
from plant.signals import DataType, find_signal
from runtime.health import Health
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.values import Notification, Reading, VariableInfo
from timeseries.store import SignalInfo, Store

log = logging.getLogger("historian")

CLOCK = f"{PLANT}.Simulation.Time"
LONGEST_GAP_TICKS = 2 * 3600 * TICKS_PER_SECOND
"""The server remembers an hour."""
PUBLISHING_S = 0.1
_TYPES: dict[int, tuple[type, ...]] = {1: (bool,), 6: (int,), 7: (int,), 11: (float,), 12: (str,), 13: (str,)}
"""Built-in type -> what a value of it is in Python; a DateTime is ISO text."""


class Collector:
    """Writes what one server sends; the store is used from its own thread only."""

    def __init__(
        self,
        store: Store,
        thread: StoreThread,
        metrics: Metrics,
        health: Health,
        sampling_s: float,
        on_stored: Callable[[], None],
    ) -> None:
        self._store, self._thread, self._metrics, self._health = store, thread, metrics, health
        self._sampling = ticks_from_seconds(sampling_s)
        self._on_stored = on_stored
        self._live = Thinning(self._sampling)
        self._infos: dict[str, VariableInfo] = {}
        self._epochs = Epochs()

    async def run(self, link: OpcuaLink) -> None:
        """Subscribe to every recorded signal, fetch what was missed, and go on until the link is lost."""
        infos = [info for info in await link.variables() if info.historizing]
        self._infos = {info.name: info for info in infos}
        clock, epoch = await link.read([CLOCK, EPOCH])
        self._epochs = Epochs()
        jumps = await link.history(EPOCH, UNIX_EPOCH_TICKS, clock.source_time + 1)
        self._epochs.learn([*jumps.readings(), epoch])
        await self._thread.do(self._store.declare, [_signal_info(info) for info in infos])
        gaps = await self._thread.do(self._store.open_gaps, list(self._infos))
        await link.subscribe(list(self._infos), self._take, publishing_s=PUBLISHING_S)
        self._health.ready("server")
        await self._fetch_missed(link, gaps)
        await asyncio.Event().wait()

    async def _fetch_missed(self, link: OpcuaLink, gaps: dict[str, tuple[int, int]]) -> None:
        """Read from the server's history what came between the beginning of each signal's gap and now.

        The gap stays open until that is stored, so that the next connection begins there again when this one dies.
        """
        (clock,) = await link.read([CLOCK])
        end = clock.source_time + 1
        found = 0
        fetched = Thinning(self._sampling)
        for name, (epoch, last) in gaps.items():
            begin = last + 1 if epoch == self._epochs.present else min(last + 1, self._epochs.begin)
            start = max(begin, end - LONGEST_GAP_TICKS)
            if start < end:
                found += await self._keep(await link.history(name, start, end), fetched)
            await self._thread.do(self._store.close_gap, name)
        if found:
            log.info("%d samples were fetched from the server's history", found)

    async def _take(self, data: Notification) -> None:
        if data.server_time.size:
            lag_s = (ticks_from_unix_ns(time.time_ns()) - int(data.server_time.max())) / TICKS_PER_SECOND
            self._health.detail["lag_s"] = round(lag_s, 3)
        await self._keep(data, self._live)

    async def _keep(self, data: Notification, thinning: Thinning) -> int:
        """Commit, however long that takes: only then may the notification be acknowledged."""
        self._metrics.received(len(data))
        samples = self._accepted(data, thinning)
        if not samples:
            return 0
        fresh = await self._thread.do(self._store.append, samples)
        self._metrics.stored([sample.signal for sample in fresh])
        self._metrics.rejected("duplicate", len(samples) - len(fresh))
        self._on_stored()
        return len(fresh)

    def _accepted(self, data: Notification, thinning: Thinning) -> list[Sample]:
        readings = data.readings()
        self._epochs.learn(readings)
        samples: list[Sample] = []
        for reading in readings:
            info = self._infos.get(reading.name)
            if reading.source_time == 0:
                self._metrics.rejected("never_measured", 1)
                continue
            if info is None or not _is_sample(reading, info.data_type):
                self._metrics.rejected("type", 1)
                continue
            if not thinning.keeps(reading.name, reading.source_time):
                self._metrics.rejected("thinned", 1)
                continue
            samples.append(
                Sample(
                    reading.source_time,
                    reading.name,
                    None if quality.is_bad(reading.status) else reading.value,
                    reading.status,
                    reading.server_time,
                    self._epochs.at(reading.source_time),
                )
            )
        return samples


def _signal_info(variable: VariableInfo) -> SignalInfo:
    """Return what the store keeps of a Variable; of one that is none of ours, Doubles are taken as sloped."""
    known = find_signal(variable.name)
    stepped = known.stepped if known is not None else variable.data_type != DataType.DOUBLE.value
    return SignalInfo(variable.name, variable.unit, variable.data_type, stepped)


def _is_sample(reading: Reading, data_type: int) -> bool:
    """Tell whether a value is what its type says, finite, and text that can be written; a Bad one needs none."""
    value = reading.value
    if quality.is_bad(reading.status):
        return True
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
    return type(value) in _TYPES.get(data_type, ()) and not (isinstance(value, float) and not math.isfinite(value))
