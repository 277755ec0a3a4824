"""How fast raw history is read from the server over OPC UA: by our own client link, and by asyncua's client.

    .venv/bin/python -m benchmarks.historian.history_read [--hours 2] [--reactors 10] [--format table|csv|json]

The history is made first: every measured signal of the reactors at 1 sample a second, up to now. The server records its
plant meanwhile. Our link reads all signals, asyncua's client one of each reactor.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from asyncua import Client

from benchmarks.historian.chain import Chain
from benchmarks.historian.recorded import record
from benchmarks.opcua.progress import say
from gateway.output import FormatOption, print_rows
from plant.clock import TICKS_PER_SECOND
from plant.names import reactor_names
from runtime.opcua_link.connect import connected

PAUSE_S = 60
"""What is newer than the history that was made is left out."""
COLUMNS = ("client", "values", "seconds", "values/s", "target")


async def by_link(endpoint: str, hours: float) -> tuple[int, float]:
    """Read all signals; return how many values, and in how many seconds."""
    async with connected(endpoint, "benchmark") as link:
        names = [info.name for info in await link.variables() if info.historizing]
        end, count, began = await link.clock(), 0, time.monotonic()
        end -= PAUSE_S * TICKS_PER_SECOND
        async for page in link.history_pages(names, end - round(hours * 3600) * TICKS_PER_SECOND, end):
            count += len(page)
        return count, time.monotonic() - began


async def by_asyncua(endpoint: str, hours: float, reactors: int) -> tuple[int, float]:
    """Read a signal of each reactor; return how many values, and in how many seconds."""
    async with Client(endpoint, timeout=60) as client:
        end, count, began = datetime.now(UTC) - timedelta(seconds=PAUSE_S), 0, time.monotonic()
        for reactor in reactor_names(reactors):
            node = client.get_node(f"ns=2;s={reactor}.T")
            count += len(await node.read_raw_history(end - timedelta(hours=hours), end))
        return count, time.monotonic() - began


async def measured(data: Path, reactors: int, hours: float) -> list[dict[str, Any]]:
    """Return a row for each client."""
    chain = Chain(data, reactors, 1.0, has_historian=False)
    endpoint = chain.settings.server.local_endpoint
    async with chain.running():
        say("the server is running")
        found = {
            "product's link, first time": await by_link(endpoint, hours),
            "product's link, again": await by_link(endpoint, hours),
            "asyncua's client": await by_asyncua(endpoint, hours, reactors),
        }
    return [
        dict(zip(COLUMNS, (name, f"{count:,}", f"{took:.1f}", f"{count / took:,.0f}", target), strict=True))
        for (name, (count, took)), target in zip(found.items(), (">= 300,000", "", ""), strict=True)
    ]


def main(
    hours: Annotated[float, typer.Option(help="How much is read of each signal.")] = 2.0,
    reactors: Annotated[int, typer.Option(help="Each some 40 signals.")] = 10,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Make the history, and read it."""
    with tempfile.TemporaryDirectory(prefix="history-") as folder:
        say("making the server's history")
        record(Path(folder) / "server" / "history", reactors, hours)
        rows = asyncio.run(measured(Path(folder), reactors, hours))
    print_rows(rows, COLUMNS, format)


if __name__ == "__main__":
    typer.run(main)
