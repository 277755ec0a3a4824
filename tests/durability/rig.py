"""The whole chain in processes of its own, each kept running as `up` keeps it, with a proxy on every connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import signal
import sqlite3
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.components.component import ChildSpec
from gateway.components.influxdb import InfluxDB
from gateway.components.nats import USER, Nats
from gateway.components.telegraf import Telegraf
from gateway.services import PACKAGES, service_options
from gateway.up.parts import Plan, ServicePart, totals
from gateway.up.supervisor import Supervisor
from runtime.opcua_link.connect import connected
from runtime.opcua_link.link import OpcuaLink
from runtime.ports import free_port
from runtime.running import secret
from runtime.settings import Settings
from runtime.settings_file import dump_settings
from runtime.whole_files import write_private
from timeseries.layout import LOG

from .disk import can_be_made, disk, empty, fill
from .proxy import Proxy, mqtt_packets, opcua_chunks

SERVICES, OWN_DISKS = ("server", "historian"), ("mqtt", "influxdb")
KILLED = ("server", "historian", "mqtt", "telegraf", "influxdb")
JUMPING = Path(__file__).with_name("jumping.py")
READY_WITHIN_S = 120.0
DISK_TAKES_AGAIN_S = 2.0
UNDELIVERED_S = 1.0
"""How long messages pile up at a broker that will forget them."""


@dataclass(frozen=True, slots=True)
class JumpingPart(ServicePart):
    """A service whose wall clock can be moved."""

    def spec(self) -> ChildSpec:
        """The process."""
        spec = ServicePart.spec(self)
        argv = (sys.executable, "-P", str(JUMPING), str(self.clock), PACKAGES[self.name])
        options = service_options(self.settings_file, self.data)
        return ChildSpec(spec.name, (*argv, *options), spec.cwd, spec.env)

    @property
    def clock(self) -> Path:
        """Where it is said by how many seconds."""
        return self.data / f"{self.name}.clock"


class Rig:
    """Server, controller, historian, broker, Telegraf and InfluxDB."""

    def __init__(
        self, data: Path, *, reactors: int = 2, scan_s: float = 0.1, formats: tuple[str, ...] = ("lp",)
    ) -> None:
        self.data = data
        self._disks = defaultdict[str, asyncio.Lock](asyncio.Lock)
        self.own_disks = {name: data / "disks" / name for name in OWN_DISKS} if can_be_made(data / "disks") else {}
        """Of parts that end when a file may not grow: these are filled really."""
        ports = {name: free_port() for name in ("server", "mqtt", "nats", "influxdb", "http", "s", "c", "h")}
        proxied = {name: free_port() for name in ("opcua", "mqtt", "telegraf", "write", "confirm")}
        self.proxies = {
            "opcua": Proxy("opcua", proxied["opcua"], ports["server"], opcua_chunks),
            "mqtt": Proxy("mqtt", proxied["mqtt"], ports["mqtt"], mqtt_packets),
            "telegraf": Proxy("telegraf", proxied["telegraf"], ports["mqtt"], mqtt_packets),
            "write": Proxy("write", proxied["write"], ports["influxdb"]),
            "confirm": Proxy("confirm", proxied["confirm"], ports["influxdb"]),
        }
        """By what they carry: OPC UA, MQTT and queries of the historian; MQTT and writes of Telegraf."""
        self.ledger = data / "ledger.csv"
        password = secret(data / "secrets" / "mqtt")
        self.disks = {*SERVICES, *self.own_disks}
        """Parts whose disk can be filled."""
        at_broker, at_influxdb = (self.own_disks.get(name, data) for name in OWN_DISKS)
        self._broker_folder = at_broker / "mqtt"
        broker = Nats(at_broker, ports["mqtt"], ports["nats"], password=password)
        self.influxdb = InfluxDB(at_influxdb, ports["influxdb"])
        telegraf = Telegraf(
            data, _mqtt(password, proxied["telegraf"]), _http(proxied["write"]), self.influxdb.token_file
        )
        plant = {"reactors": reactors, "seed": 5}
        server = {"port": ports["server"], "health_port": ports["s"], "scan_s": scan_s, "ledger": str(self.ledger)}
        controller = {"health_port": ports["c"]}
        at_server = Settings.model_validate({"plant": plant, "server": server, "controller": controller})
        through_proxy = Settings.model_validate(
            {
                "plant": plant,
                "server": {"url": f"opc.tcp://127.0.0.1:{proxied['opcua']}/cstr-gateway"},
                "historian": {"http_port": ports["http"], "health_port": ports["h"]},
                "mqtt": {"url": _mqtt(password, proxied["mqtt"]), "formats": formats},
                "influxdb": {"url": _http(proxied["confirm"]), "token_file": str(self.influxdb.token_file)},
            }
        )
        self.endpoint = at_server.server.endpoint
        self.health = ports["h"]
        write_private(data / "server.yaml", dump_settings(at_server))
        write_private(data / "historian.yaml", dump_settings(through_proxy))
        services = (
            JumpingPart("server", data / "server.yaml", data, ports["s"]),
            ServicePart("controller", data / "server.yaml", data, ports["c"]),
            JumpingPart("historian", data / "historian.yaml", data, ports["h"]),
        )
        after = {"telegraf": ("mqtt", "influxdb")}
        self.supervisor = Supervisor(Plan(at_server, (broker, self.influxdb, telegraf), services, after), data)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run all of it, ready at the beginning; nothing is left at the end."""
        with ExitStack() as disks:
            for folder in self.own_disks.values():
                disks.enter_context(disk(folder))
            async with self._running():
                yield

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        for proxy in self.proxies.values():
            await proxy.start()
        keeping = asyncio.create_task(self.supervisor.run(), name="rig")
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await self.supervisor.all_ready()
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            for proxy in self.proxies.values():
                await proxy.stop()

    async def kill(self, name: str) -> None:
        """End a part by SIGKILL, and return when it is there again; a part that is just starting is killed, too."""
        part = self.supervisor.parts[name]
        async with self._disks[name]:
            child = part.child
            if child is None or child.returncode is not None:
                return
            os.kill(child.pid, signal.SIGKILL)
            await child.wait()
        async with asyncio.timeout(READY_WITHIN_S):
            while part.child is child or part.state != "ready":  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def forget(self) -> None:
        """Kill the broker while Telegraf is cut off, and have it begin with nothing of what it has acknowledged."""
        cutting = asyncio.create_task(self.proxies["telegraf"].cut(2 * UNDELIVERED_S))
        await asyncio.sleep(UNDELIVERED_S)
        self._broker_folder.rename(self._broker_folder.with_name(f"mqtt-{time.monotonic_ns()}"))
        await self.kill("mqtt")
        await cutting

    async def fill_disk(self, name: str, seconds: float) -> None:
        """Have a part's disk refuse for a time: a service's every write beyond a file's first page, others' all.

        It is not killed meanwhile: what a disk does not take is kept in memory.
        """
        async with self._disks[name]:
            if name in self.own_disks:
                await asyncio.to_thread(fill, self.own_disks[name])
                await asyncio.sleep(seconds)
                await asyncio.to_thread(empty, self.own_disks[name])
                return
            child = self.supervisor.parts[name].child
            assert child is not None
            _limit_files(child.pid, 4096)
            try:
                await asyncio.sleep(seconds)
            finally:
                _limit_files(child.pid, resource.RLIM_INFINITY)
            await asyncio.sleep(DISK_TAKES_AGAIN_S)

    async def freeze(self, name: str, seconds: float) -> None:
        """Stop a part for a time, as a machine that is moved or a slow disk does."""
        child = self.supervisor.parts[name].child
        assert child is not None
        for sent, lasting in ((signal.SIGSTOP, seconds), (signal.SIGCONT, 0.0)):
            if child.returncode is None:
                os.kill(child.pid, sent)
                await asyncio.sleep(lasting)

    async def set_clock(self, name: str, offset_s: float, seconds: float) -> None:
        """Set a service's wall clock forward or back for a time."""
        part = self.supervisor.parts[name].part
        assert isinstance(part, JumpingPart)
        part.clock.write_text(str(offset_s))
        await asyncio.sleep(seconds)
        part.clock.write_text("0")

    @asynccontextmanager
    async def link(self) -> AsyncIterator[OpcuaLink]:
        """Connect to the server, by no proxy."""
        async with connected(self.endpoint, "proof") as link:
            yield link

    async def waiting(self) -> tuple[int, int]:
        """Return how many samples wait for InfluxDB, and of how many signals the historian may lack samples."""
        return await asyncio.to_thread(self._waiting)

    def _waiting(self) -> tuple[int, int]:
        path = self.data / "historian" / "history" / LOG.file
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as log:
            (mark,) = log.execute("SELECT min(block) FROM reader").fetchone()
            (samples,) = log.execute("SELECT coalesce(sum(count), 0) FROM block WHERE id > ?", (mark,)).fetchone()
            (gaps,) = log.execute("SELECT count(*) FROM gap").fetchone()
            return samples, gaps

    def sent_again(self) -> int:
        """Return how many samples MQTT has not brought to InfluxDB, as the historian's log has it: at least."""
        log = (self.data / "log" / "historian.log").read_text(encoding="utf-8")
        return sum(map(int, re.findall(r"(\d+) samples have not come to InfluxDB", log)))

    async def is_collecting(self) -> bool:
        """Tell whether the historian is connected to all that it waits for, the server among it."""
        return bool((await self.supervisor.parts["historian"].part.facts()).get("ready"))

    async def totals(self) -> dict[str, float]:
        """Return the historian's counters."""
        return await asyncio.to_thread(totals, self.health)


def _mqtt(password: str, port: int) -> str:
    return f"mqtt://{USER}:{password}@127.0.0.1:{port}"


def _http(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _limit_files(pid: int, size: int) -> None:
    try:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    except ProcessLookupError:
        pass
