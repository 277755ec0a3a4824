"""`cstr-gateway server|controller|historian|detector`: one service, same settings file as `up`."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.services import PACKAGES, service_options

Config = Annotated[Path | None, typer.Option(help="Settings file; its keys stand in config/gateway.yaml.")]
Data = Annotated[Path, typer.Option(help="Data directory.")]


def register(app: typer.Typer) -> None:
    """Add one command for each service."""
    for name in PACKAGES:
        app.command(name, help=f"Run the {name} alone. Example: cstr-gateway {name} --data ./data")(_runner(name))


def _runner(name: str):  # type: ignore[no-untyped-def]
    def run(config: Config = None, data: Data = Path("data")) -> None:
        sys.argv[1:] = service_options(config, data)
        runpy.run_module(PACKAGES[name], run_name="__main__")

    return run
