"""What the plant's Methods do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua

from opcua_server.methods import PLANT_METHODS, REACTOR_METHODS, Method
from opcua_server.nodes import plant_id
from opcua_server.simulator import LOCKSTEP, PAUSED, RUNNING, Simulator
from opcua_server.status import status_code
from plant.clock import TICKS_PER_SECOND
from plant.faults import FaultError
from plant.names import PLANT

LONGEST_STEP_S = 86_400.0
FASTEST = 1000.0
MOST_QUEUED = 200
"""Notifications of one item beyond which a lockstep plant waits for its readers..."""
STALLED_AFTER_S, CATCH_UP_S = 5.0, 0.01
"""...at most so long a step, looking this often."""
STEP_ANSWER_S = 1.0
"""How long a step waits for controllers after each of their intervals; one that was late once, not again."""


class Refused(Exception):  # noqa: N818
    """A call that is answered with a Bad code; `argument` is the index of the one at fault."""

    def __init__(self, code: int, argument: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.argument = argument


@dataclass(frozen=True, slots=True)
class Command:
    """A Method of one object, and what it does."""

    method: Method
    action: Callable[[list[Any]], Awaitable[list[str]]]

    async def run(self, arguments: list[Any]) -> ua.CallMethodResult:
        """Carry it out; arguments have the right number and types."""
        try:
            outputs = await self.action(arguments)
        except Refused as refused:
            results = [
                status_code(ua.StatusCodes.BadOutOfRange if place == refused.argument else 0)
                for place in range(len(arguments))
            ]
            return ua.CallMethodResult(StatusCode=status_code(refused.code), InputArgumentResults=results)
        return ua.CallMethodResult(
            InputArgumentResults=[ua.StatusCode() for _ in arguments],
            OutputArguments=[ua.Variant(output, ua.VariantType.String) for output in outputs],
        )


class Commands:
    """All Methods of the plant, and the lock that keeps two of them from moving time at once."""

    def __init__(self, simulator: Simulator, longest_queue: Callable[[], int]) -> None:
        self._simulator = simulator
        self._longest_queue = longest_queue
        self.moving = asyncio.Lock()
        """Held by whoever moves plant time."""
        self.wakes = asyncio.Event()
        """Set when the clock was changed."""
        self._due = asyncio.Event()
        self._answered = asyncio.Event()
        actions = {
            "Pause": self._pause,
            "Resume": self._resume,
            "Step": self._step,
            "SetSpeed": self._set_speed,
            "Reset": self._reset,
        }
        self._commands: dict[tuple[ua.NodeId, ua.NodeId], Command] = {}
        self._add(f"{PLANT}.Simulation", PLANT_METHODS, actions, "PlantSimulationType")
        for index, reactor in enumerate(simulator.reactors):
            self._add(f"{reactor}.Simulation", REACTOR_METHODS, self._of_reactor(index), "SimulationType")

    def find(self, object_id: ua.NodeId, method_id: ua.NodeId) -> Command | None:
        """Return the command of an object; the Method may be named by the object's or by its type's NodeId."""
        return self._commands.get((object_id, method_id))

    def note_demands(self) -> None:
        """Tell who waits for controllers that every held loop has had its demand written; lockstep goes on by that."""
        simulator = self._simulator
        if simulator.is_controlled and simulator.has_demands:
            self._answered.set()
            if simulator.state == LOCKSTEP and not self.moving.locked():
                self._due.set()

    async def advance_when_due(self) -> None:
        """Move a lockstep plant by the controller's interval whenever that is due, for ever."""
        simulator = self._simulator
        while True:
            await self._due.wait()
            await self._let_readers_catch_up()
            async with self.moving:
                simulator.expect_demands()
                simulator.advance(simulator.timing.interval)
            self._due.clear()
            self.note_demands()

    async def let_controllers_answer(self, within_s: float) -> bool:
        """Wait until every held loop has had its demand written, at most so long; tell whether it has."""
        self._answered.clear()
        await asyncio.sleep(0)
        if within_s > 0 and not self._simulator.has_demands:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._answered.wait()
        return self._simulator.has_demands

    async def _let_readers_catch_up(self) -> None:
        """In lockstep nothing is gained by outrunning the subscribers; one that has stalled is not waited for."""
        waited_s = 0.0
        while self._longest_queue() > MOST_QUEUED and waited_s < STALLED_AFTER_S:
            await asyncio.sleep(CATCH_UP_S)
            waited_s += CATCH_UP_S

    def _add(self, path: str, methods: Sequence[Method], actions: dict[str, Any], type_path: str) -> None:
        for method in methods:
            command = Command(method, actions[method.name])
            for owner in (path, type_path):
                self._commands[plant_id(path), plant_id(f"{owner}.{method.name}")] = command

    def _of_reactor(self, index: int) -> dict[str, Any]:
        async def inject(arguments: list[Any]) -> list[str]:
            kind, text = arguments
            try:
                parameters = json.loads(text) if text.strip() else {}
            except (ValueError, RecursionError):
                raise Refused(ua.StatusCodes.BadInvalidArgument, 1) from None
            if not isinstance(parameters, dict):
                raise Refused(ua.StatusCodes.BadInvalidArgument, 1)
            try:
                return [self._simulator.inject(index, kind, parameters)]
            except FaultError as error:
                raise Refused(ua.StatusCodes.BadInvalidArgument, 0 if error.parameter == "kind" else 1) from None

        async def clear(arguments: list[Any]) -> list[str]:
            try:
                self._simulator.clear(index, arguments[0])
            except FaultError:
                raise Refused(ua.StatusCodes.BadInvalidArgument, 0) from None
            return []

        return {"Inject": inject, "Clear": clear}

    async def _pause(self, arguments: list[Any]) -> list[str]:
        del arguments
        await self._change_clock(RUNNING, PAUSED)
        return []

    async def _resume(self, arguments: list[Any]) -> list[str]:
        del arguments
        await self._change_clock(PAUSED, RUNNING)
        return []

    async def _change_clock(self, present: int, wanted: int) -> None:
        if self._simulator.state not in (present, wanted):
            raise Refused(ua.StatusCodes.BadInvalidState)
        async with self.moving:
            self._simulator.set_clock(state=wanted)
        self.wakes.set()

    async def _step(self, arguments: list[Any]) -> list[str]:
        seconds = arguments[0]
        if self._simulator.state == RUNNING:
            raise Refused(ua.StatusCodes.BadInvalidState)
        ticks = seconds * TICKS_PER_SECOND
        if not math.isfinite(seconds) or not 0 < seconds <= LONGEST_STEP_S or abs(ticks - round(ticks)) > 1e-3:
            raise Refused(ua.StatusCodes.BadInvalidArgument, 0)
        async with self.moving:
            await self._advance_controlled(round(ticks))
        self.note_demands()
        return []

    async def _advance_controlled(self, ticks: int) -> None:
        """Advance by the controller's interval at a time, and give controllers and readers their turn between."""
        simulator = self._simulator
        answered = True
        while ticks > 0:
            part = min(ticks, simulator.timing.interval)
            simulator.expect_demands()
            simulator.advance(part)
            ticks -= part
            if ticks > 0:
                answered = await self.let_controllers_answer(STEP_ANSWER_S if answered else 0.0)

    async def _set_speed(self, arguments: list[Any]) -> list[str]:
        speed = arguments[0]
        if not math.isfinite(speed) or not 0 < speed <= FASTEST:
            raise Refused(ua.StatusCodes.BadInvalidArgument, 0)
        self._simulator.set_clock(speed=speed)
        self.wakes.set()
        return []

    async def _reset(self, arguments: list[Any]) -> list[str]:
        del arguments
        async with self.moving:
            self._simulator.reset()
        return []
