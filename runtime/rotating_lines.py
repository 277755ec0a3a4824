"""Lines in a file of bounded size, with the files before it beside it: `name`, `name.1` (the newest of them), ..."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

AUDIT = Path("audit") / "audit.jsonl"
"""The audit trail of the server, below the data directory."""
COMMANDS = AUDIT.with_name("commands.jsonl")
"""That of the historian: what was asked for by MQTT."""


class RotatingLines:
    """Appends whole lines, or nothing; files are 0600."""

    def __init__(self, path: Path, most_bytes: int, files: int) -> None:
        """`files` is how many there are at most, the one that is written included."""
        self._path = path
        self._most_bytes = most_bytes
        self._files = files
        self._file = -1
        self._size = 0

    def write(self, line: bytes) -> None:
        """Append a line that ends with a newline, or several.

        Raises:
            OSError: when it cannot be written; nothing of it is left in the file.
        """
        if self._file < 0:
            self._open()
        if self._size and self._size + len(line) > self._most_bytes:
            self._rotate()
        written = 0
        try:
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            self.close()
            raise
        self._size += written

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size

    def _rotate(self) -> None:
        self.close()
        for number in range(self._files - 1, 0, -1):
            before = _numbered(self._path, number - 1)
            if before.exists():
                before.replace(_numbered(self._path, number))
        if self._files == 1:
            self._path.unlink()
        self._open()


def files_of(path: Path) -> list[Path]:
    """Return the files that there are, the oldest first."""
    numbers = [int(file.suffix[1:]) for file in path.parent.glob(f"{path.name}.*") if file.suffix[1:].isdecimal()]
    files = [_numbered(path, number) for number in sorted(numbers, reverse=True)]
    return [*files, path] if path.exists() else files


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path
