"""A disk of one part's own, which can be filled: a tmpfs, for which one has to be root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MEGABYTES = 400
_BALLAST = "ballast"


def can_be_made(folder: Path) -> bool:
    """Tell whether a disk can be made here."""
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(OSError, subprocess.CalledProcessError), disk(folder):
        return True
    return False


@contextmanager
def disk(folder: Path) -> Iterator[None]:
    """Have a disk at a folder for a time; what was on it is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs"]
    subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


def fill(folder: Path) -> None:
    """Leave not a byte."""
    with (folder / _BALLAST).open("wb") as file:
        while free := os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize:
            try:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, free)
            except OSError:
                break


def empty(folder: Path) -> None:
    """Give back what was filled."""
    (folder / _BALLAST).unlink()
