"""`cstr-gateway server|controller|historian|detector`: one service, same settings file as `up`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

MODULES = {
    "server": "opcua_server",
    "controller": "controller_client",
    "historian": "historian",
    "detector": "detector",
}
"""Service name -> its package, as the supervisor starts it too: `python -P -m PACKAGE`."""

Config = Annotated[Path | None, typer.Option(help="Settings file; its keys stand in config/gateway.yaml.")]
Data = Annotated[Path, typer.Option(help="Data directory.")]


def service_argv(name: str, config: Path | None, data: Path) -> list[str]:
    """Return the command line that starts a service."""
    argv = [sys.executable, "-P", "-m", MODULES[name], "--data", str(data)]
    return [*argv, "--config", str(config)] if config is not None else argv


def register(app: typer.Typer) -> None:
    """Add one command for each service."""
    for name in MODULES:
        app.command(name, help=f"Run the {name} alone. Example: cstr-gateway {name} --data ./data")(
            _runner(name)
        )


def _runner(name: str):  # type: ignore[no-untyped-def]
    def run(config: Config = None, data: Data = Path("data")) -> None:
        argv = service_argv(name, config, data)
        os.execv(argv[0], argv)  # noqa: S606

    return run
