"""Three sources of the same history: the historian's store, the server's HistoryRead, InfluxDB."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from plant import quality
from plant.clock import TICKS_PER_SECOND, ticks_from_unix_ns, unix_ns_from_ticks
from plant.names import split_signal
from plant.sample import Sample
from plant.signals import DataType, Signal, find_signal
from runtime.errors import BadInput, CouldNotRun
from runtime.running import RunningPlant, find_running
from timeseries.aggregates import Series, aggregate, interpolated
from timeseries.reader import Reader, UnknownSignal
from timeseries.store import SignalInfo

if TYPE_CHECKING:
    from runtime.opcua_link.link import OpcuaLink

STORE = Path("historian") / "history.sqlite"
HOUR = 3600 * TICKS_PER_SECOND


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
        """Return one value for each interval."""
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
    return ServerHistory(data) if source == "opcua" else InfluxHistory(plant)


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


class _Computed:
    """What can be answered from raw samples alone; a source fetches one hour before to have a bound."""

    async def raw(self, name: str, start: int, end: int) -> list[Sample]:
        raise NotImplementedError

    async def at(self, name: str, time: int) -> Sample:
        """Return the value at a time."""
        value, status = interpolated(await self._series(name, time, time + 1), time)
        return Sample(time, name, value, status)

    async def aggregate(self, name: str, start: int, end: int, interval: int, function: str) -> list[Sample]:
        """Return one value for each interval."""
        results = aggregate(await self._series(name, start, end), start, end, interval, function)
        return [Sample(result.time, name, result.value, result.status) for result in results]

    def info(self, name: str) -> SignalInfo:
        """Return unit, type and whether it is stepped."""
        signal = _signal(name)
        unit = signal.unit.symbol if signal.unit is not None else ""
        return SignalInfo(name, unit, signal.data_type.value, signal.stepped)

    async def _series(self, name: str, start: int, end: int) -> Series:
        samples = await self.raw(name, start - HOUR, end + HOUR)
        rows = [(sample.source_time, sample.value, sample.quality) for sample in samples]
        return Series.of(rows, stepped=_signal(name).stepped)


class ServerHistory(_Computed):
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
        _signal(name)
        async with self._link() as link:
            (reading,) = await link.read([name])
            return [Sample(reading.source_time, name, reading.value, reading.status, reading.server_time)]

    async def raw(self, name: str, start: int, end: int) -> list[Sample]:
        """Return samples with start <= time < end."""
        _signal(name)
        async with self._link() as link:
            found = await link.history(name, start, end)
        return [
            Sample(row.source_time, name, row.value, row.status, row.server_time)
            for row in found.readings()
            if row.source_time < end
        ]

    def _link(self) -> AbstractAsyncContextManager[OpcuaLink]:
        from gateway.plant_link import plant_link

        return plant_link(self._data)


class InfluxHistory(_Computed):
    """InfluxDB 2, read back by Flux."""

    def __init__(self, plant: RunningPlant) -> None:
        if plant.influxdb is None:
            message = "this plant runs without InfluxDB; start it with --influxdb, or set influxdb.url"
            raise CouldNotRun(message)
        self._where = plant.influxdb

    async def now(self) -> int:
        """Return the newest time of a signal that always moves."""
        newest = await self.last("R101.T")
        return newest[0].source_time if newest else 0

    async def last(self, name: str) -> list[Sample]:
        """Return the newest sample, or nothing."""
        return await asyncio.to_thread(self._query, name, "range(start: 0)", '|> last(column: "_time")')

    async def raw(self, name: str, start: int, end: int) -> list[Sample]:
        """Return samples with start <= time < end."""
        span = f"range(start: {_flux_time(start)}, stop: {_flux_time(end)})"
        return await asyncio.to_thread(self._query, name, span, "")

    def _query(self, name: str, span: str, tail: str) -> list[Sample]:
        from influxdb_client.client.influxdb_client import InfluxDBClient
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError

        signal = _signal(name)
        reactor, leaf = split_signal(name)
        flux = (
            f'from(bucket: "{self._where["bucket"]}") |> {span}'
            f' |> filter(fn: (r) => r._measurement == "opc" and r.reactor == "{reactor}" and r.signal == "{leaf}")'
            ' |> pivot(rowKey: ["_time", "epoch"], columnKey: ["_field"], valueColumn: "_value")'
            " |> map(fn: (r) => ({r with ns: int(v: r._time)}))"
            f' |> group() |> sort(columns: ["_time"]) {tail}'
        )
        token = Path(str(self._where["token_file"])).read_text(encoding="utf-8").strip()
        try:
            with InfluxDBClient(self._where["url"], token, org=self._where["org"], timeout=60_000) as client:
                tables = client.query_api().query(flux)
        except (ApiException, HTTPError, OSError) as error:
            raise CouldNotRun(f"InfluxDB at {self._where['url']}: {error}") from None
        return [_from_influx(name, signal, record.values) for table in tables for record in table.records]


def _from_influx(name: str, signal: Signal, row: dict[str, Any]) -> Sample:
    status = int(row["q"])
    value: Any = row.get("s") if row.get("s") is not None else row.get("v")
    if quality.is_bad(status):
        value = None
    elif signal.data_type is DataType.BOOLEAN and value is not None:
        value = bool(value)
    elif signal.data_type in (DataType.INT32, DataType.UINT32) and value is not None:
        value = int(value)
    return Sample(
        ticks_from_unix_ns(int(row["ns"])),
        name,
        value,
        status,
        ticks_from_unix_ns(int(row["srv"])),
        int(row["epoch"]),
        int(row["seq"]),
    )


def _flux_time(ticks: int) -> str:
    return f"time(v: {max(0, unix_ns_from_ticks(ticks))})"


def _signal(name: str) -> Signal:
    signal = find_signal(name)
    if signal is None:
        message = f"signal {name!r} is unknown; `cstr-gateway tags` lists all"
        raise BadInput(message)
    return signal
