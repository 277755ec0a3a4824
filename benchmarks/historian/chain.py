"""The product's chain in processes of its own: server, historian, broker, Telegraf and InfluxDB, on free ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from gateway.components.component import Component
from gateway.components.influxdb import InfluxDB
from gateway.components.nats import Nats
from gateway.components.telegraf import Telegraf
from gateway.up.parts import Plan, ServicePart, totals
from gateway.up.supervisor import Supervisor
from runtime.ports import free_port
from runtime.running import secret
from runtime.settings import Settings
from runtime.settings_file import dump_settings
from runtime.whole_files import write_private

READY_WITHIN_S = 180.0


class Chain:
    """All of it, or the server alone with an InfluxDB for somebody else."""

    def __init__(
        self, data: Path, reactors: int, scan_s: float, *, has_historian: bool, formats: Sequence[str] = ("lp",)
    ) -> None:
        ports = {name: free_port() for name in ("server", "mqtt", "nats", "influxdb", "http", "s", "h")}
        self.influxdb = InfluxDB(data, ports["influxdb"])
        password = secret(data / "secrets" / "mqtt")
        broker = Nats(data, ports["mqtt"], ports["nats"], password=password)
        self.settings = Settings.model_validate(
            {
                "plant": {"reactors": reactors},
                "server": {"port": ports["server"], "health_port": ports["s"], "scan_s": scan_s},
                "historian": {"http_port": ports["http"], "health_port": ports["h"]},
                "mqtt": {"url": broker.url, "formats": list(formats)},
                "influxdb": {"url": self.influxdb.url, "token_file": str(self.influxdb.token_file)},
            }
        )
        settings_file = data / "settings.yaml"
        write_private(settings_file, dump_settings(self.settings))
        telegraf = Telegraf(data, broker.url, self.influxdb.url, self.influxdb.token_file)
        names = ("server", "historian") if has_historian else ("server",)
        services = tuple(
            ServicePart(name, settings_file, data, getattr(self.settings, name).health_port) for name in names
        )
        components: tuple[Component, ...] = (broker, self.influxdb, telegraf) if has_historian else (self.influxdb,)
        after: dict[str, tuple[str, ...]] = {"telegraf": ("mqtt", "influxdb")}
        self.store = data / "historian" / "history"
        self._supervisor = Supervisor(Plan(self.settings, components, services, after), data)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run all of it, ready at the beginning."""
        keeping = asyncio.create_task(self._supervisor.run(), name="chain")
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await self._supervisor.all_ready()
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    def cpu_s(self, name: str) -> float:
        """Return the processor time of a part, with the processes that it has started."""
        child = self._supervisor.parts[name].child
        assert child is not None
        process = psutil.Process(child.pid)
        times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
        return sum(each.user + each.system for each in times)

    async def totals(self, name: str) -> dict[str, float]:
        """Return the counters of a service."""
        return await asyncio.to_thread(totals, getattr(self.settings, name).health_port)
