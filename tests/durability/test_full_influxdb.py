"""The real InfluxDB on a disk without a byte left: it counts what it refuses, and the historian does not believe it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

from gateway.components.influxdb import InfluxDB
from gateway.up.process import Child, spawn
from historian.influx import Influx, Unanswered
from historian.lanes import Shipment
from plant.clock import ticks_from_unix_ns
from runtime.ports import free_port
from runtime.settings import InfluxSettings

from .disk import can_be_made, disk, empty, fill

pytestmark = [pytest.mark.system, pytest.mark.component, pytest.mark.timeout(300)]

NUMBERS = 5000
START_NS = 1_800_000_000_000_000_000


class Server:
    """InfluxDB on a disk of its own, and a bucket as the historian asks it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.component = InfluxDB(folder, free_port())
        self._child: Child | None = None
        where = {"url": self.component.url, "token_file": str(self.component.token_file)}
        self.settings = InfluxSettings.model_validate(where)

    async def start(self) -> None:
        await self.component.prepare()
        self._child = spawn(self.component.spec(), self._folder.with_name("influxdb.log"))
        await self.component.wait_ready(60)

    async def kill(self) -> None:
        if self._child is not None:
            self._child.kill()
            await self._child.wait()

    def write(self, first: int, last: int) -> bool:
        """Write some numbers; tell whether it took them."""
        lines = "\n".join(
            f"opc,site=main,reactor=R101,signal=R101.T seq={seq}i {START_NS + seq}" for seq in range(first, last + 1)
        )
        with InfluxDBClient(self.component.url, self.settings.token(), org="plant") as client:
            try:
                client.write_api(SYNCHRONOUS).write("plant", record=lines)
            except ApiException:
                return False
        return True


@pytest.fixture
async def server(component: Callable[[str], Path], tmp_path: Path) -> AsyncIterator[Server]:
    component("influxd")
    folder = tmp_path / "disk"
    if not can_be_made(folder):
        pytest.skip("no disk can be mounted here: for that one has to be root")
    with disk(folder):
        server = Server(folder)
        try:
            await server.start()
            yield server
        finally:
            await server.kill()
            await asyncio.sleep(0.2)


async def test_what_a_full_influxdb_counts_is_not_believed(server: Server, tmp_path: Path) -> None:
    times = (ticks_from_unix_ns(START_NS), ticks_from_unix_ns(START_NS + NUMBERS))
    asked = [("R101", Shipment((1, 1), (1, NUMBERS), times))]
    influx = Influx(server.settings, "main")
    refusals = server.component.spec().refusals
    assert refusals is not None
    try:
        assert server.write(1, 1000)
        started = influx.started()
        assert influx.counts(asked) == [1000]
        assert (influx.started(), refusals()) == (started, 0)

        fill(tmp_path / "disk")
        for first in range(1001, NUMBERS, 1000):
            server.write(first, first + 999)
        assert influx.counts(asked) == [NUMBERS]
        with pytest.raises(Unanswered, match=r"could not write \d+ times .* make room, and start it anew"):
            influx.started()
        assert refusals() > 0

        empty(tmp_path / "disk")
        assert not server.write(NUMBERS, NUMBERS)
        await server.kill()
        await server.start()
        assert influx.started() not in ("", started)
        assert 1000 <= influx.counts(asked)[0] < NUMBERS
    finally:
        influx.close()
