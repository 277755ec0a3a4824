"""Keeps parts running: starts them side by side, restarts what ends or hangs, stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.components.component import Component, ComponentError
from gateway.up.parts import Plan, ServicePart
from gateway.up.process import Child, spawn
from gateway.up.stuck import Stuck
from runtime.backoff import delays
from runtime.errors import BadInput
from runtime.health import NOT_YET

log = logging.getLogger("up")

READY_WITHIN_S = 120.0
HEALTH_EVERY_S = 2.0
HUNG_AFTER_S = 10.0
STEADY_AFTER_S = 30.0
"""A part that ran so long is restarted at once again."""
BAD_INPUT = 2


@dataclass(slots=True)
class Supervised:
    """One part and how it fares."""

    part: Component
    log_file: Path
    state: str = "waiting"
    since: float = field(default_factory=time.time)
    restarts: int = 0
    last_reason: str = ""
    detail: dict[str, object] = field(default_factory=dict)
    """What a service says of itself on /readyz."""
    child: Child | None = None
    first_ready: asyncio.Event = field(default_factory=asyncio.Event)

    def to(self, state: str) -> None:
        """Change the state."""
        self.state = state
        self.since = time.time()


class Supervisor:
    """Runs a plan until cancelled."""

    def __init__(self, plan: Plan, data: Path) -> None:
        self._plan = plan
        self.on_change: Callable[[], None] = lambda: None
        """Called whenever a part has ended or is ready."""
        self.parts = {
            part.name: Supervised(part, data / "log" / f"{part.name}.log")
            for part in (*plan.components, *plan.services)
        }

    async def run(self) -> None:
        """Keep every part running, for ever.

        Raises:
            BadInput: when a service refuses its settings.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for supervised in self.parts.values():
                    group.create_task(self._keep(supervised), name=supervised.part.name)
        finally:
            await self._stop()

    async def all_ready(self) -> None:
        """Return when every part has been ready once."""
        for supervised in self.parts.values():
            await supervised.first_ready.wait()

    def kill(self) -> None:
        """End every process at once."""
        for supervised in self.parts.values():
            if supervised.child is not None:
                supervised.child.kill()

    async def _keep(self, supervised: Supervised) -> None:
        for name in self._plan.after.get(supervised.part.name, ()):
            supervised.detail = {"waiting_for": {name: NOT_YET}}
            await self.parts[name].first_ready.wait()
        waits = delays()
        while True:
            started = time.monotonic()
            try:
                reason = await self._run_once(supervised)
            except ComponentError as error:
                reason = str(error)
            except OSError as error:
                reason = f"cannot be started: {error}"
            if time.monotonic() - started > STEADY_AFTER_S:
                waits = delays()
            supervised.last_reason = reason
            supervised.restarts += 1
            supervised.to("restarting")
            wait_s = 0.0 if supervised.restarts == 1 or time.monotonic() - started > STEADY_AFTER_S else next(waits)
            log.warning("%s %s; restarting%s", supervised.part.name, reason, f" in {wait_s:.1f} s" if wait_s else "")
            self.on_change()
            await asyncio.sleep(wait_s)

    async def _run_once(self, supervised: Supervised) -> str:
        """Start the part, say when it is ready, and return why it ended."""
        part = supervised.part
        supervised.to("starting")
        supervised.detail = {}
        began = time.monotonic()
        await part.prepare()
        child = supervised.child = spawn(part.spec(), supervised.log_file)
        ended = asyncio.create_task(child.wait(), name=f"{part.name} end")
        ready = asyncio.create_task(part.wait_ready(READY_WITHIN_S), name=f"{part.name} ready")
        try:
            await asyncio.wait({ended, ready}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                await ready
                supervised.to("ready")
                log.info("%s is ready after %.1f s (pid %d)", part.name, time.monotonic() - began, child.pid)
                supervised.first_ready.set()
                self.on_change()
                await self._watch(part, child, ended)
        except (ComponentError, OSError):
            child.kill()
            raise
        finally:
            for task in (ended, ready):
                task.cancel()
            await asyncio.gather(ended, ready, return_exceptions=True)
        has_worked = supervised.first_ready.is_set()  # with these settings: it is what it was connected to that changed
        if isinstance(part, ServicePart) and child.returncode == BAD_INPUT and not has_worked:
            message = f"the {part.name} refuses its settings: {child.last_line()}"
            raise BadInput(message)
        return child.end_reason()

    async def _watch(self, part: Component, child: Child, ended: asyncio.Task[int]) -> None:
        """Return when the process has ended; one that hangs, or refuses for ever what it is to store, is ended."""
        last_alive = time.monotonic()
        stuck = Stuck(child.spec, child.log) if child.spec.refusal else None
        while not ended.done():
            await asyncio.wait({ended}, timeout=HEALTH_EVERY_S)
            if stuck is not None and await asyncio.to_thread(stuck.is_so, time.monotonic()):
                log.error("%s still refuses what it is to store, though its disk takes again; it is ended", part.name)
                await child.stop()
            if not isinstance(part, ServicePart) or ended.done() or await part.is_alive():
                last_alive = time.monotonic()
            elif time.monotonic() - last_alive > HUNG_AFTER_S:
                log.error("%s hangs since %.0f s and is killed", part.name, time.monotonic() - last_alive)
                child.kill()

    async def _stop(self) -> None:
        """End the services, the server first so that plant time stops while its loops are held, then the components."""
        for group in (self._plan.services, _reversed(self._plan.components)):
            for part in group:
                supervised = self.parts[part.name]
                if supervised.child is not None:
                    with contextlib.suppress(ProcessLookupError):
                        await supervised.child.stop()
                supervised.to("ended")


def _reversed(parts: Sequence[Component]) -> list[Component]:
    return list(reversed(parts))
