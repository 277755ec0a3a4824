"""Files of `config/`: beside the packages in a source tree, inside `gateway` in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from gateway.components.component import ComponentError

PACKAGE = Path(__file__).resolve().parents[1]


def config_file(name: str) -> Path:
    """The path of `config/<name>`.

    Raises ComponentError when the installation lacks it.
    """
    for folder in (PACKAGE / "config", PACKAGE.parent / "config"):
        if (folder / name).is_file():
            return folder / name
    message = f"config/{name} is missing from the installation at {PACKAGE}"
    raise ComponentError(message)
