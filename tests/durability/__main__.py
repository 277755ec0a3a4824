"""Proves at length that nothing is lost: `python -m tests.durability --kills 20 --seed 1`."""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from .proof import prove
from .troubles import drawn


def main(
    kills: Annotated[int, typer.Option(help="Of each part.")] = 20,
    others: Annotated[int, typer.Option(help="Of each other trouble at each place.")] = 5,
    seed: Annotated[int | None, typer.Option(help="Of the troubles; without it a new one.")] = None,
    reactors: int = 2,
    data: Annotated[Path | None, typer.Option(help="Where all is kept; without it a folder that is removed.")] = None,
) -> None:
    """Kill, cut, stall, repeat, fill and set clocks, and compare in the end."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {text}", file=sys.stderr, flush=True)

    folder = data or Path(tempfile.mkdtemp(prefix="durability-"))
    chosen = random.SystemRandom().randrange(10**6) if seed is None else seed
    troubles = drawn(chosen, kills=kills, others=others)
    report = asyncio.run(prove(folder, chosen, troubles, say=say, reactors=reactors))
    for name in ("seed", "ledger", "untold", "starts", "written", "sent_again"):
        print(f"{name}: {getattr(report, name)}")
    print(f"seconds: {report.seconds:.0f}, of them {report.settled_s:.1f} until all had arrived")
    for place, count in report.places.items():
        print(f"{place}: {count} samples")
    for fault in report.faults[:50]:
        print(fault)
    print(f"faults: {len(report.faults)}")
    if data is None and not report.faults:
        shutil.rmtree(folder, ignore_errors=True)
    raise typer.Exit(1 if report.faults else 0)


if __name__ == "__main__":
    typer.run(main)
