"""How many bytes a sealed sample of the real plant takes, and how many samples a second are stored and sealed.

    .venv/bin/python -m benchmarks.historian.sealed [--hours 24] [--reactors 2] [--scan 1.0] [--format table|csv|json]

The server's own simulator and recorder run a plant with noise as fast as they can, without network and clients; its
history is archived and sealed as the server does it.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from prometheus_client import CollectorRegistry

from benchmarks.opcua.progress import say
from gateway.output import FormatOption, print_rows
from opcua_server.recorder import Recorder
from opcua_server.simulator import Simulator, timing_of
from opcua_server.tags import Tags
from opcua_server.wire.messages import now_ticks
from plant.clock import ticks_from_seconds
from plant.names import reactor_names
from plant.simulation import PlantConfig
from runtime.health import Health
from timeseries.reading import FOREVER
from timeseries.store import Store
from timeseries.upkeep import Upkeep

COLUMNS = ("what", "samples", "bytes", "bytes a sample", "target")
SAY_EVERY = 36_000


def simulate(folder: Path, reactors: int, hours: float, scan_s: float) -> int:
    """Run a plant for so many hours of its own time; return how many samples were archived."""
    names = reactor_names(reactors)
    registry = CollectorRegistry()
    tags = Tags(names, registry)
    with contextlib.closing(Store(folder)) as store, contextlib.closing(Upkeep(folder)) as upkeep:
        recorder = Recorder(tags, store, Health("benchmark"), registry)
        timing = timing_of(scan_s, max(scan_s, 0.5), lockstep=True, speed=1.0)
        simulator = Simulator(names, PlantConfig(reactors), timing, tags, now_ticks(), now_ticks)
        scans, count = round(hours * 3600 / scan_s), 0
        for scan in range(1, scans + 1):
            simulator.scan(ticks_from_seconds(scan_s))
            recorder.flush()
            if scan % 3600 == 0 or scan == scans:
                count += upkeep.take_in()
            if scan % SAY_EVERY == 0:
                say(f"{scan * scan_s / 3600:.0f} of {hours:g} h, {count:,} samples")
    return count


def sizes(folder: Path, count: int) -> list[dict[str, Any]]:
    """Seal what is there; return how large it was before and is then."""
    with contextlib.closing(Upkeep(folder)) as upkeep:
        upkeep.checkpoint()
        archived = upkeep.unsealed(FOREVER)
        began = time.monotonic()
        segment = upkeep.seal(FOREVER)
        took = time.monotonic() - began
    if segment is None:
        message = "nothing can be sealed yet: let it be some hours"
        raise typer.BadParameter(message)
    sealed = sum(piece.count for piece in segment.pieces)
    say(f"sealed in {took:.1f} s")
    found = (("archived", count, archived.all, ""), ("sealed", sealed, segment.bytes, "<= 6"))
    return [
        dict(zip(COLUMNS, (what, f"{samples:,}", f"{size:,}", f"{size / samples:.2f}", target), strict=True))
        for what, samples, size, target in found
    ]


def main(
    hours: Annotated[float, typer.Option(help="Of plant time.")] = 24.0,
    reactors: Annotated[int, typer.Option(help="How many.")] = 2,
    scan: Annotated[float, typer.Option(help="Seconds of plant time.")] = 1.0,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Run the plant, and seal its history."""
    with tempfile.TemporaryDirectory(prefix="sealed-") as folder:
        print_rows(sizes(Path(folder), simulate(Path(folder), reactors, hours, scan)), COLUMNS, format)


if __name__ == "__main__":
    typer.run(main)
