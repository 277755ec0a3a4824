"""How fast a historian that was away reads back what the server has recorded, and how late live samples are meanwhile.

    .venv/bin/python -m benchmarks.historian.backfill [--hours 24] [--reactors 10] [--format table|csv|json]

The server's history is made first: every measured signal of the reactors at 1 sample a second, up to now. Then server
and historian start, the historian for the first time, with broker, Telegraf and InfluxDB.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.historian.bridge import SIGNAL, Lateness, watch_store
from benchmarks.historian.chain import Chain
from benchmarks.opcua.progress import say
from gateway.output import FormatOption, print_rows
from plant.clock import TICKS_PER_SECOND, ticks_from_unix_ns
from plant.names import reactor_names
from plant.signals import DataType, reactor_signals
from timeseries.columns import Columns
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

AT_ONCE_S = 600
DAY = 86_400 * TICKS_PER_SECOND
LOOK_EVERY_S = 1.0
FIGURES = ("figure", "product", "target")


def record(folder: Path, reactors: int, hours: float) -> int:
    """Make a server's history of so many hours up to now; return how many samples it has."""
    infos = [
        SignalInfo(
            f"{reactor}.{signal.name}", signal.unit.symbol if signal.unit is not None else "", 11, signal.stepped
        )
        for reactor in reactor_names(reactors)
        for signal in reactor_signals(reactor)
        if signal.recorded and signal.data_type is DataType.DOUBLE
    ]
    end = ticks_from_unix_ns(time.time_ns()) - 60 * TICKS_PER_SECOND
    seconds = round(hours * 3600)
    random = np.random.default_rng(1)
    with contextlib.closing(Store(folder)) as store, contextlib.closing(Upkeep(folder)) as upkeep:
        store.declare(infos)
        numbers = store.numbers([info.name for info in infos])
        for start in range(0, seconds, AT_ONCE_S):
            count = min(AT_ONCE_S, seconds - start)
            times = end + (start - seconds + np.arange(count)) * TICKS_PER_SECOND
            values = np.round(350.0 + random.normal(0.0, 0.5, (count, len(infos))), 2)
            store.append(
                Columns.of(
                    values.size,
                    signals=np.tile(numbers, count),
                    times=np.repeat(times, len(infos)),
                    server_times=np.repeat(times + 20_000, len(infos)),
                    words=values.ravel().view(np.int64),
                )
            )
            upkeep.take_in()
        upkeep.checkpoint()
    return seconds * len(infos)


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
