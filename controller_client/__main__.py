"""The PID client: `python -P -m controller_client`."""

from __future__ import annotations

import csv
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

from controller_client.controller import Controller, Metrics
from controller_client.loop import Law, PidLoop, ReferenceLoop, ReferenceRow
from runtime.errors import BadInput
from runtime.opcua_link.connect import keep_connected, service_login
from runtime.opcua_link.link import OpcuaLink
from runtime.service import Context, main

REFERENCE_FILE = "reference.csv"


async def serve(context: Context) -> None:
    """Control every loop of the settings until cancelled; the reference law ends by itself."""
    settings = context.settings
    health = context.health
    health.wait_for("server")
    health.wait_for("loops")
    health.ready("start")
    metrics = Metrics(context.registry)

    async def work(link: OpcuaLink) -> None:
        reactors = await _reactors(link, settings.controller.loops)
        health.ready("server")
        if settings.controller.law == "reference":
            await _reference(context, link, metrics, reactors[0])
            return
        loops: dict[str, Callable[[], Law]] = dict.fromkeys(reactors, PidLoop)
        context.log.info("controlling %s", ", ".join(reactors))
        await Controller(loops, settings.controller.interval_s, health, metrics).run(link)

    def on_state(up: bool, why: str) -> None:
        if not up:
            health.lost("server", why)
            health.wait_for("loops", why)

    await keep_connected(
        settings.server.local_endpoint,
        "controller",
        work,
        login=service_login("controller", settings, context.data),
        on_state=on_state,
    )


async def _reactors(link: OpcuaLink, wanted: str | tuple[str, ...]) -> list[str]:
    present = await link.reactors()
    if isinstance(wanted, str):
        return present
    missing = [name for name in wanted if name not in present]
    if missing:
        message = f"controller.loops: {missing[0]!r} is not served; allowed are {', '.join(present)}"
        raise BadInput(message)
    return list(wanted)


async def _reference(context: Context, link: OpcuaLink, metrics: Metrics, reactor: str) -> None:
    law = ReferenceLoop()
    controller = Controller({reactor: lambda: law}, context.settings.controller.interval_s, context.health, metrics)
    await controller.run_until(link, lambda: law.is_done)
    _write_rows(context.data / REFERENCE_FILE, law.rows)


def _write_rows(path: Path, rows: list[ReferenceRow]) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in dataclasses.fields(ReferenceRow)])
        writer.writerows(dataclasses.astuple(row) for row in rows)
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main("controller", serve))
