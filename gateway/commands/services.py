"""`cstr-gateway server|controller|historian|detector`: one service, same settings file as `up`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.services import PACKAGES, service_argv

Config = Annotated[Path | None, typer.Option(help="Settings file; its keys stand in config/gateway.yaml.")]
Data = Annotated[Path, typer.Option(help="Data directory.")]


def register(app: typer.Typer) -> None:
    """Add one command for each service."""
    for name in PACKAGES:
        app.command(name, help=f"Run the {name} alone. Example: cstr-gateway {name} --data ./data")(_runner(name))


def _runner(name: str):  # type: ignore[no-untyped-def]
    def run(config: Config = None, data: Data = Path("data")) -> None:
        argv = service_argv(name, config, data)
        os.execv(argv[0], argv)  # noqa: S606

    return run
