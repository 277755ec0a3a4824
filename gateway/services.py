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
    argv = [sys.executable, "-P", "-m", PACKAGES[name], "--data", str(data)]
    return [*argv, "--config", str(config)] if config is not None else argv
