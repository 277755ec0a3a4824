"""The server with the real controller: what a cut link, a jump of time or a long step does to the loop."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from asyncua import Client, ua

from controller_client.__main__ import serve as control
from runtime.health import Health
from runtime.ports import free_port
from runtime.service import Context
from runtime.settings_file import load_settings

from .conftest import Serving, step, value

MAN, AUTO = 1, 2


class Proxy:
    """A TCP proxy whose connections can be cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def serve(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._accept, "127.0.0.1", port)

    def cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def close(self) -> None:
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, far_writer}
        await asyncio.gather(self._pipe(reader, far_writer), self._pipe(far_reader, writer))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.transport.abort()


@contextlib.asynccontextmanager
async def controlled(endpoint: str, folder: Path) -> AsyncIterator[Health]:
    """The real controller on this endpoint."""
    settings = load_settings(None, {"server.url": endpoint, "controller.health_port": free_port()}, env={})
    context = Context("controller", settings, folder, Health("controller"), logging.getLogger("test"))
    context.health.wait_for("start")
    task = asyncio.create_task(control(context), name="controller")
    try:
        await until("control", lambda: _ready(context.health, task))
        yield context.health
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _ready(health: Health, task: asyncio.Task[None]) -> bool:
    assert not task.done(), task.exception()
    health.beat()
    return health.is_ready


async def until(what: str, is_so: Callable[[], Any], timeout_s: float = 20.0) -> None:
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not await is_so():
        assert asyncio.get_running_loop().time() < deadline, f"not within {timeout_s:g} s: {what}"
        await asyncio.sleep(0.02)


async def demands(client: Client) -> list[float]:
    """Return all that Tc has been."""
    node = client.get_node("ns=2;s=R101.Tc")
    time = await client.get_node("ns=2;s=Plant.Simulation.Time").read_value()
    samples = await node.read_raw_history(time - timedelta(minutes=30), time, return_bounds=False)
    return [data.Value.Value for data in samples if data.Value.Value]


FREE = {"plant.reactors": 1, "server.lockstep": False, "plant.speed": 5.0}


async def test_a_cut_link_is_taken_up_again_without_a_bump(serving: Serving, tmp_path: Path) -> None:
    async with serving(FREE) as endpoint:
        port = free_port()
        proxy = Proxy(urlsplit(endpoint).port or 0)
        listening = await proxy.serve(port)
        through = f"opc.tcp://127.0.0.1:{port}/cstr-gateway"
        async with listening, controlled(through, tmp_path), Client(endpoint) as client:
            await asyncio.sleep(1.0)
            beat = await value(client, "R101.TIC101.Heartbeat")
            proxy.cut()

            async def goes_on() -> bool:
                return await value(client, "R101.TIC101.Mode") == AUTO and await _beats_differ(client, beat)

            await asyncio.sleep(0.1)
            await until("the loop is held again", goes_on)
            await asyncio.sleep(2.0)  # ten seconds of plant time: the watchdog would have acted
            seen = await demands(client)
            assert min(seen) > 280.0, seen
            assert max(abs(after - before) for before, after in itertools.pairwise(seen)) < 10.0
            await proxy.close()


async def _beats_differ(client: Client, beat: int) -> bool:
    return bool(await value(client, "R101.TIC101.Heartbeat") != beat)


async def test_pause_speed_and_resume_do_not_lose_the_loop(serving: Serving, tmp_path: Path) -> None:
    async with serving(FREE) as endpoint, controlled(endpoint, tmp_path), Client(endpoint) as client:
        simulation = client.get_node("ns=2;s=Plant.Simulation")
        holder = await value(client, "R101.TIC101.Heartbeat")
        for method, *arguments in (("2:Pause",), ("2:Resume",), ("2:SetSpeed", 10.0), ("2:SetSpeed", 3.0)):
            await simulation.call_method(method, *arguments)
            await asyncio.sleep(0.3)
        await until("it goes on", lambda: _beats_differ(client, holder))
        await asyncio.sleep(2.5)
        assert await value(client, "R101.TIC101.Mode") == AUTO
        assert min(await demands(client)) > 280.0


async def test_a_long_step_gives_the_controller_its_turns_and_others_theirs(serving: Serving, tmp_path: Path) -> None:
    async with serving(FREE) as endpoint, controlled(endpoint, tmp_path), Client(endpoint) as client:
        await client.get_node("ns=2;s=Plant.Simulation").call_method("2:Pause")
        beat = await value(client, "R101.TIC101.Heartbeat")
        async with Client(endpoint, timeout=60) as other:
            stepping = asyncio.create_task(step(other, 60.0))
            longest = 0.0
            while not stepping.done():
                began = asyncio.get_running_loop().time()
                await value(client, "R101.T")
                longest = max(longest, asyncio.get_running_loop().time() - began)
            await stepping
        assert longest < 1.0
        assert await value(client, "R101.TIC101.Heartbeat") - beat > 100
        assert min(await demands(client)) > 280.0


async def test_reset_lets_the_controller_begin_again_from_the_start_state(serving: Serving, tmp_path: Path) -> None:
    fast = {**FREE, "plant.speed": 20.0}
    async with serving(fast) as endpoint, controlled(endpoint, tmp_path), Client(endpoint, timeout=30) as client:
        await until("the ramp", lambda: _above(client, 345.0), 60.0)
        await client.get_node("ns=2;s=Plant.Simulation").call_method("2:Reset")
        # A write that was on its way may still come with the old setpoint, once; the next one begins again.
        await until("the ramp begins again", lambda: _ramps_from_start(client))
        hottest = 0.0
        for _ in range(100):
            hottest = max(hottest, await value(client, "R101.Simulation.True.T"))
            await asyncio.sleep(0.05)
        assert 326.0 < hottest < 352.0


async def _ramps_from_start(client: Client) -> bool:
    """Tell whether the working setpoint is on its first kelvins, which the server does not write: at Reset it is PV."""
    return bool(326.0 < await value(client, "R101.TIC101.WSP") < 335.0)


async def _above(client: Client, limit_k: float) -> bool:
    return bool(await value(client, "R101.Simulation.True.T") > limit_k)


async def test_a_controller_that_starts_again_goes_on_in_lockstep(serving: Serving, tmp_path: Path) -> None:
    async with serving({"plant.reactors": 1}) as endpoint, Client(endpoint) as client:
        times = []
        for _ in range(2):
            async with controlled(endpoint, tmp_path):
                begin = await value(client, "R101.TIC101.Heartbeat")
                await until("plant time moves", lambda begin=begin: _beats_differ(client, begin))
                times.append(await value(client, "Plant.Simulation.Time"))
        assert (times[1] - times[0]).total_seconds() > 0.4


async def test_a_lockstep_plant_moves_on_in_man_too(serving: Serving, tmp_path: Path) -> None:
    async with serving({"plant.reactors": 1}) as endpoint, controlled(endpoint, tmp_path), Client(endpoint) as client:
        await client.get_node("ns=2;s=R101.TIC101.ModeTarget").write_value(ua.Variant(1, ua.VariantType.Int32))

        async def is_man() -> bool:
            return bool(await value(client, "R101.TIC101.Mode") == 1)

        await until("MAN", is_man)
        before = await value(client, "Plant.Simulation.Time")

        async def moved() -> bool:
            now = await value(client, "Plant.Simulation.Time")
            return bool((now - before).total_seconds() > 10.0)

        await until("ten seconds of plant time", moved)


async def test_on_a_bad_pv_it_holds_tc_in_man_and_returns_by_itself_without_a_bump(
    serving: Serving, tmp_path: Path
) -> None:
    """In lockstep, so that all can be read afterwards from history; AUTO at an unstable steady state, from 350 K."""
    async with serving({"plant.reactors": 1}) as endpoint, Client(endpoint) as client:
        start = await value(client, "Plant.Simulation.Time")

        async def passed(seconds: float) -> bool:
            return bool((await value(client, "Plant.Simulation.Time") - start).total_seconds() > seconds)

        async with controlled(endpoint, tmp_path):
            await until("the ramp is done", lambda: passed(420.0), 60.0)
            parameters = '{"signal": "T", "for_s": 10}'
            await client.get_node("ns=2;s=R101.Simulation").call_method("2:Inject", "sensor-failure", parameters)
            start = await value(client, "Plant.Simulation.Time")
            await until("it is over", lambda: passed(60.0), 60.0)
        since = start - timedelta(seconds=1)
        mode, target, tc, pv, true = [
            await history(client, f"R101.{name}", since)
            for name in ("TIC101.Mode", "TIC101.ModeTarget", "Tc", "TIC101.PV", "Simulation.True.T")
        ]
    (left, man), (back, auto) = mode[:2]
    assert (man, auto, target) == (MAN, AUTO, [])
    assert 9.0 <= (back - left).total_seconds() <= 11.0
    assert [shown for _, shown in pv].count(None) == 1
    assert [demand for time, demand in tc if left < time <= back] == []
    held = next(demand for time, demand in reversed(tc) if time <= left)
    first = next(demand for time, demand in tc if time > back)
    assert abs(first - held) < 8.0  # noise, times the gain; the setpoint's own error would be worth more
    assert max(abs(kelvin - 350.0) for _, kelvin in true) < 5.0
    assert len([demand for time, demand in tc if time > back]) > 50


async def history(client: Client, name: str, since: datetime) -> list[tuple[datetime, Any]]:
    """Return times and values of what a signal has been since."""
    node = client.get_node(f"ns=2;s={name}")
    samples = await node.read_raw_history(since, since + timedelta(hours=1), return_bounds=False)
    return [(data.SourceTimestamp, data.Value.Value if data.Value else None) for data in samples]
