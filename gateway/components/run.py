"""How a recipe has its commands run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Run(Protocol):
    """Runs one command of a recipe, showing progress; raises ComponentError when it fails."""

    def __call__(self, argv: list[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> None: ...
