"""How fast a historian that was away reads back what the server has recorded, and how late live samples are meanwhile.

    .venv/bin/python -m benchmarks.historian.backfill [--hours 24] [--reactors 10] [--format table|csv|json]

The server's history is made first: every measured signal of the reactors at 1 sample a second, up to now. Then server
and historian start, the historian for the first time, with broker, Telegraf and InfluxDB.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.historian.bridge import SIGNAL, Lateness, watch_store
from benchmarks.historian.chain import Chain
from benchmarks.historian.recorded import record
from benchmarks.opcua.progress import say
from gateway.output import FormatOption, print_rows

LOOK_EVERY_S = 1.0
FIGURES = ("figure", "product", "target")


async def fill_back(data: Path, reactors: int, count: int) -> dict[str, str]:
    """Return how long it took until all of it was stored, and confirmed."""
    chain = Chain(data, reactors, 0.1, has_historian=True)
    late = Lateness()
    stored_after = confirmed_after = 0.0
    async with chain.running():
        began = time.monotonic()
        watching = asyncio.create_task(watch_store(chain, late))
        first = cpu = chain.cpu_s("historian")
        while not confirmed_after:
            await asyncio.sleep(LOOK_EVERY_S)
            totals, passed = await chain.totals("historian"), time.monotonic() - began
            stored = totals.get("cstr_samples_stored_total", 0.0)
            confirmed = totals.get("cstr_samples_confirmed_total", 0.0)
            if stored >= count and not stored_after:
                stored_after, cpu = passed, chain.cpu_s("historian")
            if confirmed >= count:
                confirmed_after = passed
            if round(passed) % 10 == 0:
                say(f"{stored:,.0f} of {count:,} samples are stored, {confirmed:,.0f} confirmed")
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return {
        "samples": f"{count:,} of {reactors} reactors",
        "stored, samples/s": f"{count / stored_after:,.0f} ({stored_after:.0f} s, {cpu - first:.0f} s of processor)",
        "in InfluxDB, samples/s": f"{count / confirmed_after:,.0f} ({confirmed_after:.0f} s)",
        f"live meanwhile, {SIGNAL}: source to store, p50 / p99": str(late),
    }


TARGETS = {"stored, samples/s": ">= 20,000", f"live meanwhile, {SIGNAL}: source to store, p50 / p99": "p99 < 1 s"}


def main(
    hours: Annotated[float, typer.Option(help="How long the historian was away.")] = 24.0,
    reactors: Annotated[int, typer.Option(help="Each some 40 signals.")] = 10,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Make the history, and have it read back."""
    with tempfile.TemporaryDirectory(prefix="backfill-") as folder:
        say("making the server's history")
        count = record(Path(folder) / "server" / "history", reactors, hours)
        found = asyncio.run(fill_back(Path(folder), reactors, count))
    rows: list[dict[str, Any]] = [
        dict(zip(FIGURES, (name, text, TARGETS.get(name, "")), strict=True)) for name, text in found.items()
    ]
    print_rows(rows, FIGURES, format)


if __name__ == "__main__":
    typer.run(main)
