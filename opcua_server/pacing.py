"""Runs plant time against the wall clock: drift-free, catching up boundedly, and saying when it cannot keep up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from prometheus_client import CollectorRegistry, Counter, Gauge

from opcua_server.commands import Commands
from opcua_server.publishing import Publisher
from opcua_server.simulator import RUNNING, Simulator
from plant.clock import TICKS_PER_SECOND
from runtime.health import Health

log = logging.getLogger("server")

BEHIND_LIMIT_S = 5.0
"""Wall-clock time that is caught up; what is beyond is given up, and plant time lags behind by it."""
ANSWER_S = 0.05
"""While it is late, the plant waits so long after each of the controllers' intervals for what they write: a burst must
not look like a dead controller."""


class Pacer:
    """Calls the simulator's scans when they are due."""

    def __init__(
        self,
        simulator: Simulator,
        commands: Commands,
        publisher: Publisher,
        health: Health,
        registry: CollectorRegistry,
    ) -> None:
        self._simulator = simulator
        self._commands = commands
        self._publisher = publisher
        self._health = health
        timing = simulator.timing
        self._scans_an_interval = max(1, timing.interval // timing.scan)
        self._scans = Counter("cstr_scans", "Scans of the plant.", registry=registry)
        self._lost = Counter(
            "cstr_scan_lost_seconds", "Wall-clock time that could not be caught up.", registry=registry
        )
        self._behind = Gauge("cstr_scan_behind_seconds", "How late the last scan was.", registry=registry)

    async def run(self) -> None:
        """Scan for ever."""
        while True:
            self._commands.wakes.clear()
            if self._simulator.state != RUNNING:
                self._publisher.align(0.0)
                await self._commands.wakes.wait()
                continue
            await self._run_at_this_speed()

    async def _run_at_this_speed(self) -> None:
        simulator = self._simulator
        period_s = simulator.timing.scan / TICKS_PER_SECOND / simulator.speed
        due = time.monotonic() + period_s
        self._publisher.align(period_s)
        while not self._commands.wakes.is_set():
            behind = time.monotonic() - due
            if behind < 0:
                await self._sleep(-behind)
                continue
            if behind > BEHIND_LIMIT_S:
                log.warning("the plant is %.1f s behind and gives that up; lower plant.speed or plant.reactors", behind)
                self._lost.inc(behind)
                due += behind
            simulator.expect_demands()
            for _ in range(self._scans_an_interval):
                if simulator.state != RUNNING or due > time.monotonic():
                    break
                async with self._commands.moving:
                    simulator.scan(simulator.timing.scan)
                self._publisher.on_scan()
                due += period_s
                self._scans.inc()
            self._behind.set(max(0.0, behind))
            self._health.detail["lag_s"] = round(max(0.0, behind), 3)
            late = due < time.monotonic()
            await self._commands.let_controllers_answer(ANSWER_S if late else 0.0)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._commands.wakes.wait()
