"""The services by name, and how each is started."""

from __future__ import annotations

import sys
from pathlib import Path

PACKAGES = {
    "server": "opcua_server",
    "controller": "controller_client",
    "historian": "historian",
    "detector": "detector",
}
"""Service -> its package."""


def service_argv(name: str, config: Path | None, data: Path) -> list[str]:
    """Return the command line that starts a service; `-P` keeps a user's own folders from shadowing ours."""
    return [sys.executable, "-P", "-m", PACKAGES[name], *service_options(config, data)]


def service_options(config: Path | None, data: Path) -> list[str]:
    """Return the options of a service."""
    return ["--data", str(data), *(["--config", str(config)] if config is not None else [])]
