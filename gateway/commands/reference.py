"""`cstr-gateway reference`: the reference control run."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reference")(reference)


def reference(
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    plot: Annotated[Path | None, typer.Option(help="Write a picture too, e.g. run.png.")] = None,
) -> None:
    """Run the reference law in lockstep by the real controller over a real OPC UA connection.

    It starts its own server and controller, beside any plant that runs, and takes some seconds.

    Example: cstr-gateway reference --out run.csv --plot run.png
    """
    from rich.console import Console
    from rich.progress import Progress

    from gateway.reference import draw, run
    from plant.pid import REFERENCE_SAMPLES

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("reference run", total=REFERENCE_SAMPLES)
        asyncio.run(run(out, lambda done: shown.update(task, completed=done)))
    print(f"{out}: {REFERENCE_SAMPLES} samples", file=sys.stderr)
    if plot is not None:
        draw(out, plot)
        print(f"{plot}: T, Ca and Tc", file=sys.stderr)
