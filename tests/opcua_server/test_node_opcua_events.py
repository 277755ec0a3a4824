"""A second opinion on events in history: node-opcua's client reads those that ours was told of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asyncua import Client

from plant.clock import TICKS_PER_SECOND, UNIX_EPOCH_TICKS
from runtime.opcua_link.filetime import ticks_of

from .conftest import Serving, step, value
from .event_history import TYPE, Fields, field, listening, plant, say
from .node import start
from .test_node_opcua import output

SCRIPT = Path(__file__).with_name("node_opcua_events.js")
MS = TICKS_PER_SECOND // 1000


def shown(event: Fields) -> list[Any]:
    """Return what of an event the other client prints."""
    names = ("Severity", "Reactor", "Active", "Cause", "Score")
    time = (field(event, "Time") - UNIX_EPOCH_TICKS) // MS
    return [
        field(event, "EventId").hex(),
        time,
        field(event, "Message").Text,
        *(field(event, name) for name in names),
        None,
    ]


async def test_a_second_vendors_client_reads_the_events_that_were_told(
    serving: Serving, component: Callable[[str], Path], tmp_path: Path
) -> None:
    modules = component("node-opcua")
    async with serving() as endpoint, Client(endpoint) as client, listening(client, all=plant("Plant")) as listener:
        first = ticks_of(await value(client, "Plant.Simulation.Time")) // MS - UNIX_EPOCH_TICKS // MS
        for number in range(3):
            for reactor in ("R101", "R102"):
                await say(client, reactor, anomaly=number % 2 == 0, cause=f"T {number}", score=1.5 + number)
                await step(client, 1.0)
        told = [shown(each) for each in await listener.until("all", 6)]
        argv = (str(SCRIPT), endpoint, TYPE.to_string(), str(first - 1), str(first + 60_000))
        printed = await output(await start(tmp_path, modules, *argv))
    lines = [line for line in printed.splitlines() if line.startswith("RESULT ")]
    assert lines, printed
    assert json.loads(lines[0].removeprefix("RESULT ")) == {
        "server": [told],
        "pages": [told[:2], told[2:4], told[4:]],
        "backward": [told[::2][::-1]],
        "ended": [told[2:4]],
        "variable": "BadHistoryOperationUnsupported",
        "timeless": "BadHistoryOperationInvalid",
    }
