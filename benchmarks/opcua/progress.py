"""What the benchmark is doing, line by line."""

from __future__ import annotations

import sys
import time

_began = time.monotonic()


def say(text: str) -> None:
    """Print a line of progress on standard error, with the time since the start."""
    print(f"[{time.monotonic() - _began:6.0f} s] {text}", file=sys.stderr, flush=True)
