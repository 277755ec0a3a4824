"""Runs a service whose wall clock a test can move: `python -P jumping.py FILE PACKAGE ARGUMENTS`.

The file says by how many seconds; the monotonic clock goes on, as it does when a machine's clock is set.
"""

from __future__ import annotations

import contextlib
import runpy
import sys
import time
from pathlib import Path

_time, _time_ns = time.time, time.time_ns


class _Offset:
    def __init__(self, path: Path) -> None:
        self._path, self._read, self._seconds = path, 0.0, 0.0

    @property
    def seconds(self) -> float:
        now = time.monotonic()
        if now - self._read > 0.05:
            self._read = now
            with contextlib.suppress(OSError, ValueError):
                self._seconds = float(self._path.read_text())
        return self._seconds


if __name__ == "__main__":
    offset = _Offset(Path(sys.argv[1]))
    time.time = lambda: _time() + offset.seconds
    time.time_ns = lambda: _time_ns() + round(offset.seconds * 1e9)
    package = sys.argv[2]
    sys.argv = [package, *sys.argv[3:]]
    runpy.run_module(package, run_name="__main__", alter_sys=True)
