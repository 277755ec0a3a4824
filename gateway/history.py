"""Sources of the same history: the historian's store, the server's HistoryRead; InfluxDB is `influx_history`."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from plant.clock import UNIX_EPOCH_TICKS
from plant.sample import Sample
from plant.signals import Signal, find_signal
from runtime.errors import BadInput, CouldNotRun
from runtime.running import RUN_SETTINGS, find_running
from runtime.settings_file import load_settings
from timeseries.aggregates import Series, further, interpolated, query
from timeseries.reader import Reader, UnknownSignal
from timeseries.reading import Damaged
from timeseries.signals import SignalInfo

if TYPE_CHECKING:
    from runtime.opcua_link.link import OpcuaLink

STORE = Path("historian") / "history"


class History(Protocol):
    """What a query asks; times are ticks."""

    async def now(self) -> int:
        """Return the present of the plant, where relative times begin."""
        ...

    async def last(self, name: str) -> list[Sample]:
        """Return the newest sample, or nothing."""
        ...

    async def raw(self, name: str, start: int, end: int) -> list[Sample]:
        """Return samples with start <= time < end."""
        ...

    async def at(self, name: str, time: int) -> Sample:
        """Return the value at a time."""
        ...

    async def aggregate(self, name: str, start: int, end: int, interval: int, function: str) -> list[Sample]:
        """Return one value for each interval; 0 makes one of all."""
        ...

    def info(self, name: str) -> SignalInfo:
        """Return unit, type and whether it is stepped."""
        ...


def open_history(source: str, data: Path) -> History:
    """Return a source; `store` needs no running plant.

    Raises:
        CouldNotRun: when it is not there, with what to do.
    """
    if source == "store":
        return StoreHistory(data)
    plant = find_running(data)
    if source == "opcua":
        return ServerHistory(data)
    if plant.influxdb is None:
        message = "this plant runs without InfluxDB; start it with --influxdb, or set influxdb.url"
        raise CouldNotRun(message)
    from gateway.influx_history import InfluxHistory

    site = load_settings(data / RUN_SETTINGS, env={}).mqtt.site
    return InfluxHistory(plant.influxdb, site)


class StoreHistory:
    """The historian's own store."""

    def __init__(self, data: Path) -> None:
        path = data / STORE
        if not path.exists():
            message = f"no history in {data}: start the plant with `make run`, or name its directory with --data DIR"
            raise CouldNotRun(message)
        try:
            self._reader = Reader(path)
        except sqlite3.Error as error:
            raise CouldNotRun(str(error)) from None

    async def now(self) -> int:
        """Return the newest stored time."""
        return self._reader.newest_time()

    async def last(self, name: str) -> list[Sample]:
        """Return the newest sample, or nothing."""
        return [sample for sample in [self._known(self._reader.last, name)] if sample is not None]

    async def raw(self, name: str, start: int, end: int) -> list[Sample]:
        """Return samples with start <= time < end."""
        return list(self._known(self._reader.raw, name, start, end))

    async def at(self, name: str, time: int) -> Sample:
        """Return the value at a time."""
        sample: Sample = self._known(self._reader.at, name, time)
        return sample

    async def aggregate(self, name: str, start: int, end: int, interval: int, function: str) -> list[Sample]:
        """Return one value for each interval."""
        results = self._known(self._reader.aggregated, name, start, end, interval, function)
        return [Sample(result.time, name, result.value, result.status) for result in results]

    def info(self, name: str) -> SignalInfo:
        """Return unit, type and whether it is stepped."""
        info: SignalInfo = self._known(self._reader.info, name)
        return info

    def _known(self, question: Any, *arguments: Any) -> Any:
        try:
            return question(*arguments)
        except UnknownSignal as error:
            raise BadInput(str(error)) from None
        except Damaged as error:
            raise CouldNotRun(str(error)) from None


class Computed(ABC):
    """What can be answered from the samples of a span and the ones around it."""

    @abstractmethod
    async def around(self, name: str, start: int, end: int) -> list[Sample]:
        """Return samples from the last at or before `start` to the first at or after `end`."""

    async def at(self, name: str, time: int) -> Sample:
        """Return the value at a time."""
        value, status = interpolated(await self._series(name, time, time + 1), time)
        return Sample(time, name, value, status)

    async def aggregate(self, name: str, start: int, end: int, interval: int, function: str) -> list[Sample]:
        """Return one value for each interval."""
        low, high = min(start, end), max(start, end)
        series = await self._series(name, low, high)
        if reach := further(series, start, end, interval):
            series = await self._series(name, low - reach, high + reach)
        results = query(series, start, end, interval, function)
        return [Sample(result.time, name, result.value, result.status) for result in results]

    def info(self, name: str) -> SignalInfo:
        """Return unit, type and whether it is stepped."""
        signal = known_signal(name)
        unit = signal.unit.symbol if signal.unit is not None else ""
        return SignalInfo(name, unit, signal.data_type.value, signal.stepped)

    async def _series(self, name: str, start: int, end: int) -> Series:
        samples = await self.around(name, start, end)
        latest = {sample.source_time: (sample.source_time, sample.value, sample.quality) for sample in samples}
        """Of a time that was there twice, the later epoch's."""
        stepped = known_signal(name).stepped
        return Series.of(list(latest.values()), stepped=stepped, covered_to=end if stepped else None)


class ServerHistory(Computed):
    """HistoryRead over OPC UA."""

    def __init__(self, data: Path) -> None:
        self._data = data

    async def now(self) -> int:
        """Return plant time."""
        async with self._link() as link:
            (clock,) = await link.read(["Plant.Simulation.Time"])
            return clock.source_time

    async def last(self, name: str) -> list[Sample]:
        """Return the present value."""
        known_signal(name)
        async with self._link() as link:
            (reading,) = await link.read([name])
            return [Sample(reading.source_time, name, reading.value, reading.status, reading.server_time)]

    async def raw(self, name: str, start: int, end: int) -> list[Sample]:
        """Return samples with start <= time < end."""
        return [sample for sample in await self._read(name, start, end, bounds=False) if sample.source_time < end]

    async def around(self, name: str, start: int, end: int) -> list[Sample]:
        """Return samples from the last at or before `start` to the first at or after `end`."""
        return await self._read(name, start, end, bounds=True)

    async def _read(self, name: str, start: int, end: int, *, bounds: bool) -> list[Sample]:
        known_signal(name)
        async with self._link() as link:
            found = await link.history(name, max(start, UNIX_EPOCH_TICKS), end, bounds=bounds)
        return [Sample(row.source_time, name, row.value, row.status, row.server_time) for row in found.readings()]

    def _link(self) -> AbstractAsyncContextManager[OpcuaLink]:
        from gateway.plant_link import plant_link

        return plant_link(self._data)


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
