"""Files that are there whole or not at all, whatever is killed in between."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, octets: bytes, mode: int = 0o644) -> None:
    """Write a file, in place of the one there is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
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
