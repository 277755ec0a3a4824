"""Files that are there whole or not at all, whatever is killed in between."""

from __future__ import annotations

import os
from pathlib import Path

_TEMPORARY = ".{}.{}.tmp"


def remove_leftovers(path: Path) -> None:
    """Remove what is left of writers of a file that were killed; while it is being written by nobody."""
    for left in path.parent.glob(_TEMPORARY.format(path.name, "*")):
        left.unlink(missing_ok=True)


def write(path: Path, octets: bytes, mode: int = 0o644) -> None:
    """Write a file, in place of the one there is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(_TEMPORARY.format(path.name, os.getpid()))
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    write(path, text.encode(), 0o600)
