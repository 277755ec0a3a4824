"""Runs the loops over one OPC UA link: reads by subscription, writes each loop in one call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter

from controller_client.loop import Inputs, Law, Outputs
from plant import quality
from plant.names import PLANT, loop_name
from plant.pid import Tuning
from plant.sample import Scalar
from plant.schedule import Schedule
from runtime.health import Health
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.values import Notification, Reading

log = logging.getLogger("controller")

CLOCK = f"{PLANT}.Simulation.Time"
STATE, SPEED, EPOCH = (f"{PLANT}.Simulation.{leaf}" for leaf in ("State", "Speed", "Epoch"))
LOCKSTEP = 2
LOOP_LEAVES = ("SP", "ModeTarget", "Mode", "WSP", "Kc", "TI", "TD", "SPRate")
FASTEST_PUBLISHING_S, SLOWEST_PUBLISHING_S = 0.005, 0.1
PUBLISHED_PER_INTERVAL = 5


class LoopRunner:
    """One loop: the values it has been told, its law, and what is said about it."""

    def __init__(self, reactor: str, law: Law, interval_s: float) -> None:
        self.reactor = reactor
        self.law = law
        self.schedule = Schedule(interval_s)
        self._loop = f"{reactor}.{loop_name(reactor)}"
        self._beat = 0
        self._said = ""
        self._refused: dict[str, int] = {}
        self.names = [f"{reactor}.{name}" for name in ("T", "Ca", "Tc")]
        self.names += [f"{self._loop}.{leaf}" for leaf in LOOP_LEAVES]

    def inputs(self, values: Mapping[str, Scalar | None]) -> Inputs | None:
        """Return what the law reads; None while the faceplate is not known yet."""
        faceplate = {leaf: values.get(f"{self._loop}.{leaf}") for leaf in LOOP_LEAVES}
        tc = values.get(f"{self.reactor}.Tc")
        if tc is None or any(value is None for value in faceplate.values()):
            return None
        numbers = {leaf: float(value) for leaf, value in faceplate.items() if value is not None}
        return Inputs(
            _number(values.get(f"{self.reactor}.T")),
            _number(values.get(f"{self.reactor}.Ca")),
            numbers["SP"],
            int(numbers["ModeTarget"]),
            int(numbers["Mode"]),
            float(tc),
            numbers["WSP"],
            Tuning(numbers["Kc"], numbers["TI"], numbers["TD"], numbers["SPRate"]),
        )

    def writes(self, outputs: Outputs) -> dict[str, Scalar]:
        """Return the loop's writes, heartbeat first."""
        self._beat = (self._beat + 1) % 2**32
        values: dict[str, Scalar] = {
            f"{self._loop}.Heartbeat": self._beat,
            f"{self._loop}.Mode": outputs.mode,
            f"{self._loop}.WSP": outputs.wsp_k,
        }
        if outputs.tc_k is not None:
            values[f"{self.reactor}.Tc"] = outputs.tc_k
        if outputs.why != self._said:
            log.warning("%s: %s", self.reactor, outputs.why) if outputs.why else log.info("%s: normal", self.reactor)
            self._said = outputs.why
        return values

    def note(self, results: Mapping[str, int]) -> int:
        """Say once what the server refuses; return how many writes it refused."""
        refused = {name: status for name, status in results.items() if quality.is_bad(status)}
        if refused != self._refused and refused:
            told = ", ".join(f"{name} {quality.name_of(status)}" for name, status in refused.items())
            log.warning("%s: the server refuses %s; is another controller holding the loop?", self.reactor, told)
        elif self._refused and not refused:
            log.info("%s: writes are accepted again", self.reactor)
        self._refused = refused
        return len(refused)

    @property
    def is_refused(self) -> bool:
        """True while the server takes no writes for the loop."""
        return bool(self._refused)

    @property
    def state(self) -> str:
        """What the loop is kept from, for the health page."""
        if self._refused:
            return "refused: " + ", ".join(self._refused)
        return self._said or "ok"


class Controller:
    """All loops over one connection; made anew for each, so that every loop takes over without a bump."""

    def __init__(
        self,
        loops: Mapping[str, Callable[[], Law]],
        interval_s: float,
        health: Health,
        metrics: Metrics,
    ) -> None:
        self._runners = {reactor: LoopRunner(reactor, make_law(), interval_s) for reactor, make_law in loops.items()}
        self._interval_s = interval_s
        self._health = health
        self._metrics = metrics
        self._values: dict[str, Scalar | None] = {}
        self._executed: set[str] = set()
        self._clock_changed = asyncio.Event()
        self._done = asyncio.Event()
        self._is_done: Callable[[], bool] = lambda: False

    async def run(self, link: OpcuaLink) -> None:
        """Control until the link is lost; another speed gets another subscription before the old one ends."""
        names = [name for runner in self._runners.values() for name in runner.names]

        async def on_data(data: Notification) -> None:
            await self._take(link, data)

        old: int | None = None
        while True:
            publishing_s = self._publishing_s(*await link.read([STATE, SPEED]))
            new = await link.subscribe([*names, STATE, SPEED, EPOCH, CLOCK], on_data, publishing_s=publishing_s)
            if old is not None:
                await link.unsubscribe(old)
            old = new
            self._clock_changed.clear()
            while publishing_s == self._publishing_s(*await link.read([STATE, SPEED])):
                await self._clock_changed.wait()
                self._clock_changed.clear()

    def _publishing_s(self, state: Reading, speed: Reading) -> float:
        """Return how often values have to come for this clock."""
        if state.value == LOCKSTEP:
            return FASTEST_PUBLISHING_S
        wanted_s = self._interval_s / PUBLISHED_PER_INTERVAL / float(speed.value or 1.0)
        return min(max(wanted_s, FASTEST_PUBLISHING_S), SLOWEST_PUBLISHING_S)

    async def run_until(self, link: OpcuaLink, is_done: Callable[[], bool]) -> None:
        """Control until the law says that it is done."""
        self._is_done = is_done
        running = asyncio.create_task(self.run(link), name="control")
        done = asyncio.create_task(self._done.wait(), name="done")
        try:
            await asyncio.wait({running, done}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
        finally:
            for task in (running, done):
                task.cancel()
            await asyncio.gather(running, done, return_exceptions=True)

    async def _take(self, link: OpcuaLink, data: Notification) -> None:
        now = 0
        for reading in data.readings():
            before = self._values.get(reading.name)
            self._values[reading.name] = None if reading.is_bad else reading.value
            if reading.name == CLOCK:
                now = max(now, reading.source_time)
            elif before is None or before == reading.value:
                continue
            elif reading.name in (STATE, SPEED):
                self._clock_changed.set()
            elif reading.name == EPOCH:
                log.info("plant time has jumped: every loop takes over anew")
                for runner in self._runners.values():
                    runner.law.restart()
        if now:
            await self._execute(link, now)

    async def _execute(self, link: OpcuaLink, now: int) -> None:
        if self._is_done():
            self._done.set()
            return
        due: list[tuple[LoopRunner, dict[str, Scalar]]] = []
        for runner in self._runners.values():
            inputs = runner.inputs(self._values)
            if inputs is not None and runner.schedule.is_due(now):
                due.append((runner, runner.writes(runner.law.execute(inputs, now))))
        if not due:
            return
        results = await link.write({name: value for _, values in due for name, value in values.items()})
        for runner, values in due:
            refused = runner.note({name: results[name] for name in values})
            if refused:
                runner.law.restart()
            self._metrics.executed(runner.reactor, runner.schedule.late, refused)
            self._executed.add(runner.reactor)
        self._health.detail["loops"] = {name: runner.state for name, runner in self._runners.items()}
        refusing = [runner for runner in self._runners.values() if runner.is_refused]
        if refusing:
            self._health.wait_for("loops", f"{refusing[0].reactor} {refusing[0].state}")
        elif len(self._executed) == len(self._runners):
            self._health.ready("loops")


class Metrics:
    """Counts of a controller."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._executions = Counter("cstr_loop_executions", "Executions.", ["reactor"], registry=registry)
        self._late = Counter("cstr_loop_executions_missed", "Executions missed.", ["reactor"], registry=registry)
        self._refused = Counter("cstr_loop_writes_refused", "Writes refused.", ["reactor"], registry=registry)
        self._seen_late: dict[str, int] = {}

    def executed(self, reactor: str, late: int, refused: int) -> None:
        """Count one execution; `late` is the loop's total."""
        self._executions.labels(reactor).inc()
        self._late.labels(reactor).inc(max(0, late - self._seen_late.get(reactor, 0)))
        self._refused.labels(reactor).inc(refused)
        self._seen_late[reactor] = late


def _number(value: Scalar | None) -> float | None:
    return float(value) if isinstance(value, int | float) else None
