"""The real InfluxDB on a disk without a byte left: it counts what it refuses, and the historian does not believe it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

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


def lines(first: int, last: int) -> bytes:
    """Some numbers."""
    texts = (f"opc,site=main,reactor=R101,signal=R101.T seq={seq}i {START_NS + seq}" for seq in range(first, last + 1))
    return "\n".join(texts).encode()


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


async def test_what_a_full_influxdb_counts_is_not_believed_and_what_is_written_to_it_again_stays(
    server: Server, tmp_path: Path
) -> None:
    times = (ticks_from_unix_ns(START_NS), ticks_from_unix_ns(START_NS + NUMBERS))
    asked = [("R101", Shipment((1, 1), (1, NUMBERS), times))]
    influx = Influx(server.settings, "main")
    refusals = server.component.spec().refusals
    assert refusals is not None
    try:
        assert not influx.write([lines(1, 1000)])
        before = influx.state()
        assert influx.counts(asked) == [1000]
        assert (before.refused, refusals()) == (0, 0)

        fill(tmp_path / "disk")
        for first in range(1001, NUMBERS, 1000):
            with suppress(Unanswered):
                influx.write([lines(first, first + 999)])
        assert influx.counts(asked) == [NUMBERS]
        assert influx.state().started == before.started
        assert influx.state().refused == refusals() > 0

        empty(tmp_path / "disk")
        with pytest.raises(Unanswered, match=r"500 .* to a write: make room on its disk"):
            influx.write([lines(NUMBERS, NUMBERS)])
        await server.kill()
        await server.start()
        assert influx.state().started != before.started
        assert influx.state().refused == 0
        assert 1000 <= influx.counts(asked)[0] < NUMBERS

        assert not influx.write([lines(1, NUMBERS)])
        await server.kill()
        await server.start()
        assert influx.counts(asked) == [NUMBERS]
    finally:
        influx.close()
