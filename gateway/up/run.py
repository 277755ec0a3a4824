"""One run of the whole plant, from the lock to the last process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
import signal
import time
from pathlib import Path

from rich.console import Console

from gateway.up import runfile, screen
from gateway.up.live import LivePlant
from gateway.up.parts import Plan, ServicePart, check_ports, make_plan
from gateway.up.supervisor import Supervised, Supervisor
from runtime.ending import was_told
from runtime.errors import CouldNotRun
from runtime.settings import Settings

log = logging.getLogger("up")

FACTS_EVERY_S = 2.0
END_WITHIN_S = 30.0
"""For all parts together; after it, or at a second signal, what still runs is killed."""


def run(settings: Settings, data: Path, *, influxdb: bool, for_s: float | None) -> None:
    """Run until a signal comes or the time is up; everything is ended then.

    Raises:
        GatewayError: what a person has to mend.
    """
    data = data.absolute()
    with runfile.only_one(data):
        runfile.clear_leftovers(data)
        check_ports(settings)
        try:
            plan = make_plan(settings, data, influxdb=influxdb)
        except OSError as error:
            raise CouldNotRun(f"{error.filename or data}: {error.strerror}; nothing was started") from None
        console = Console()
        try:
            asyncio.run(_run(plan, data, console, for_s))
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            runfile.remove(data)


async def _run(plan: Plan, data: Path, console: Console, for_s: float | None) -> None:
    supervisor = Supervisor(plan, data)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if was_told():
        stop.set()
    async with asyncio.TaskGroup() as group:
        work = group.create_task(_work(plan, supervisor, data, console), name="plant")
        timer = group.create_task(_end_after(for_s, stop), name="timer")
        await _first_of(stop, work)
        if not console.is_terminal:
            log.info("ending")
        work.cancel()
        timer.cancel()
        stop.clear()
        await _first_of(stop, work, END_WITHIN_S)
        if not work.done():
            log.warning("ending at once: every process is killed")
            supervisor.kill()


async def _first_of(stop: asyncio.Event, work: asyncio.Task[None], timeout_s: float | None = None) -> None:
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({stopping, work}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()


async def _work(plan: Plan, supervisor: Supervisor, data: Path, console: Console) -> None:
    run_file = runfile.RunFile(data, plan.settings, supervisor)
    plant = LivePlant(plan.settings, data)
    lines = advice(data, plan)
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(supervisor.run(), name="supervisor")
        group.create_task(_gather_facts(supervisor), name="facts")
        if console.is_terminal:
            group.create_task(screen.show(console, supervisor, plant, plan.settings, lines), name="screen")
        else:
            group.create_task(screen.tell(supervisor, plant), name="lines")
        await supervisor.all_ready()
        run_file.write()
        supervisor.on_change = run_file.write
        group.create_task(run_file.keep(), name="run.json")
        log.info("everything is ready after %.1f s", time.monotonic() - began)
        log.info("OPC UA %s   web %s", plan.settings.server.endpoint, plan.settings.web)
        if not console.is_terminal:
            for line in lines:
                log.info("try: %s", line)
        group.create_task(plant.follow(), name="live")


def advice(data: Path, plan: Plan) -> list[str]:
    """Return three lines to paste."""
    here = Path(os.path.relpath(data))
    place = here if ".." not in here.parts else data
    where = "" if place == Path("data") else f" --data {shlex.quote(str(place))}"
    if nodes := plan.settings.historian.nodes:
        words = (f"query last {nodes[0].name}", f"query raw {nodes[0].name} --start -5min --plot trend.png", "status")
        return [f"./cstr-gateway {each}{where}" for each in words]
    reactor = plan.settings.reactors[0]
    return [
        f"./cstr-gateway query raw {reactor}.T --start -5min --plot trend.png{where}",
        f"./cstr-gateway inject {reactor} bias signal=T size=10 for=2min{where}",
        f"./cstr-gateway clear {reactor}{where}",
    ]


async def _gather_facts(supervisor: Supervisor) -> None:
    """Ask each service how it fares, for the screen, for ever."""
    while True:
        await asyncio.gather(*(_ask(supervised) for supervised in supervisor.parts.values()))
        await asyncio.sleep(FACTS_EVERY_S)


async def _ask(supervised: Supervised) -> None:
    if isinstance(supervised.part, ServicePart) and supervised.state in ("starting", "ready"):
        supervised.detail = await supervised.part.facts()
        supervised.last_reason = str(supervised.detail.get("last_error") or supervised.last_reason)


async def _end_after(seconds: float | None, stop: asyncio.Event) -> None:
    if seconds is None:
        return
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(seconds)
        stop.set()


def _first(group: BaseException) -> BaseException:
    return _first(group.exceptions[0]) if isinstance(group, BaseExceptionGroup) else group
