"""What a query asks of a source, and which sources there are."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

from runtime.errors import CouldNotRun
from runtime.running import RUN_SETTINGS, find_running
from runtime.settings_file import load_settings
from timeseries.aggregates import STANDARD, AggregateConfiguration
from timeseries.answers import Answer
from timeseries.signals import SignalInfo

SOURCES = ("store", "opcua", "influxdb")


class History(Protocol):
    """Times are ticks; every question raises `BadInput` for a signal that is unknown."""

    async def now(self) -> int:
        """Return the present of the plant, where relative times begin."""
        ...

    async def last(self, name: str) -> Answer:
        """Return the newest sample, or nothing."""
        ...

    def pages(self, name: str, start: int, end: int) -> AsyncIterator[Answer]:
        """Yield samples with start <= time < end, in order, however many they are."""
        ...

    async def at(self, name: str, times: Sequence[int], configuration: AggregateConfiguration = STANDARD) -> Answer:
        """Return the value at each time."""
        ...

    async def aggregate(
        self,
        name: str,
        start: int,
        end: int,
        interval: int,
        function: str,
        configuration: AggregateConfiguration = STANDARD,
    ) -> Answer:
        """Return one value for each interval; 0 makes one of all.

        Raises:
            ValueError: naming an aggregate or an interval that is not allowed.
        """
        ...

    def info(self, name: str) -> SignalInfo:
        """Return unit, type and whether it is stepped."""
        ...


@contextlib.asynccontextmanager
async def open_history(source: str, data: Path) -> AsyncIterator[History]:
    """Open one of the sources; `store` needs no running plant, and says of all which signals there are.

    Raises:
        CouldNotRun: when it is not there, with what to do.
    """
    from gateway.history.store import StoreHistory

    with contextlib.closing(StoreHistory(data)) as store:
        if source == "store":
            yield store
            return
        plant = find_running(data)
        settings = load_settings(data / RUN_SETTINGS, env={})
        if source == "opcua":
            from gateway.history.server import ServerHistory
            from gateway.plant_link import source_link

            async with source_link(data, settings.historian.nodes) as link:
                yield ServerHistory(link, store.info)
            return
        if plant.influxdb is None:
            message = "this plant runs without InfluxDB; start it with --influxdb, or set influxdb.url"
            raise CouldNotRun(message)
        from gateway.history.influx import InfluxHistory

        with contextlib.closing(InfluxHistory(plant.influxdb, settings.mqtt.site, store.info)) as influx:
            yield influx
