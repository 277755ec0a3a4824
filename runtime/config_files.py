"""Files of `config/`: beside the packages in a source tree, inside `gateway` in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from runtime.errors import CouldNotRun

ROOT = Path(__file__).resolve().parents[1]


def config_file(name: str) -> Path:
    """Return the path of `config/NAME`, a file or a folder.

    Raises:
        CouldNotRun: when the installation lacks it.
    """
    for folder in (ROOT / "config", ROOT / "gateway" / "config"):
        if (folder / name).exists():
            return folder / name
    message = f"config/{name} is missing from the installation at {ROOT}"
    raise CouldNotRun(message)
