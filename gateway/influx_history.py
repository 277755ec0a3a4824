"""History read back from InfluxDB 2 by Flux (commands.md, "InfluxDB")."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.history import Computed, known_signal
from plant import quality
from plant.clock import ticks_from_unix_ns, unix_ns_from_ticks
from plant.names import split_signal
from plant.sample import Sample, Scalar
from plant.signals import DataType, Signal
from runtime.errors import CouldNotRun

FIRST_NS, LAST_NS = 0, 9_214_646_400_000_000_000
"""1970 and 2262, about as far as InfluxDB's times go; without a stop a range ends at the wall clock's now."""
EARLIEST, LATEST = ticks_from_unix_ns(FIRST_NS), ticks_from_unix_ns(LAST_NS)
INTEGERS, TEXTS = (DataType.INT32, DataType.UINT32), (DataType.STRING, DataType.DATETIME)


class InfluxHistory(Computed):
    """The samples of one site; `where` is what run.json says of InfluxDB."""

    def __init__(self, where: Mapping[str, str], site: str) -> None:
        self._where, self._site = where, site

    async def now(self) -> int:
        """Return the newest time of a signal that always moves."""
        newest = await self.last("R101.T")
        return newest[0].source_time if newest else 0

    async def last(self, name: str) -> list[Sample]:
        """Return the newest sample, or nothing."""
        newest = await self._edges(name, EARLIEST, LATEST, "last")
        if not newest:
            return []
        epoch, time = max(newest)
        return [sample for sample in await self.raw(name, time, time + 1) if sample.epoch == epoch]

    async def raw(self, name: str, start: int, end: int) -> list[Sample]:
        """Return samples with start <= time < end."""
        pivot = 'pivot(rowKey: ["_time", "epoch"], columnKey: ["_field"], valueColumn: "_value")'
        signal = known_signal(name)
        samples = [_sample(name, signal, row) for row in await self._read(name, start, end, pivot)]
        return sorted(samples, key=lambda sample: (sample.source_time, sample.epoch))

    async def around(self, name: str, start: int, end: int) -> list[Sample]:
        """Return samples from the last at or before `start` to the first at or after `end`."""
        before = await self._edges(name, EARLIEST, start + 1, "last")
        behind = await self._edges(name, end, LATEST, "first")
        low = max((time for _, time in before), default=start)
        high = min((time for _, time in behind), default=end)
        return await self.raw(name, low, high + 1)

    async def _edges(self, name: str, start: int, end: int, which: str) -> list[tuple[int, int]]:
        """Return epoch and time of the first or last sample of each epoch; every sample has a StatusCode."""
        rows = await self._read(name, start, end, f'filter(fn: (r) => r._field == "q") |> {which}()')
        return [(int(row["epoch"]), ticks_from_unix_ns(int(row["ns"]))) for row in rows]

    async def _read(self, name: str, start: int, end: int, question: str) -> list[dict[str, Any]]:
        known_signal(name)
        reactor, leaf = split_signal(name)
        flux = (
            f'from(bucket: "{self._where["bucket"]}") |> range(start: {_flux_time(start)}, stop: {_flux_time(end)})'
            f' |> filter(fn: (r) => r._measurement == "opc" and r.site == "{self._site}"'
            f' and r.reactor == "{reactor}" and r.signal == "{leaf}")'
            f" |> {question} |> map(fn: (r) => ({{r with ns: int(v: r._time)}}))"
        )
        return await asyncio.to_thread(self._query, flux)

    def _query(self, flux: str) -> list[dict[str, Any]]:
        from influxdb_client.client.influxdb_client import InfluxDBClient
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError

        token = Path(str(self._where["token_file"])).read_text(encoding="utf-8").strip()
        try:
            with InfluxDBClient(self._where["url"], token, org=self._where["org"], timeout=60_000) as client:
                tables = client.query_api().query(flux)
        except (ApiException, HTTPError, OSError) as error:
            raise CouldNotRun(f"InfluxDB at {self._where['url']}: {error}") from None
        return [record.values for table in tables for record in table.records]


def _sample(name: str, signal: Signal, row: dict[str, Any]) -> Sample:
    status = int(row["q"])
    return Sample(
        ticks_from_unix_ns(int(row["ns"])),
        name,
        None if quality.is_bad(status) else _value(signal, row),
        status,
        ticks_from_unix_ns(int(row["srv"])),
        int(row["epoch"]),
        int(row["seq"]),
    )


def _value(signal: Signal, row: dict[str, Any]) -> Scalar | None:
    """Return a Good value in its own type; an empty text is no field at all once Telegraf has written it."""
    if signal.data_type in TEXTS:
        return str(row.get("s") or "")
    value: float | None = row.get("v")
    if value is None:
        return None
    if signal.data_type is DataType.BOOLEAN:
        return bool(value)
    return int(value) if signal.data_type in INTEGERS else value


def _flux_time(ticks: int) -> str:
    return f"time(v: {min(max(unix_ns_from_ticks(ticks), FIRST_NS), LAST_NS)})"
