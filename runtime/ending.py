"""SIGINT and SIGTERM outside of an event loop: the process ends with 0, without a word."""

from __future__ import annotations

import os
import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_quietly() -> None:
    """Unwind at a signal, closing what is open, until an event loop takes the signals over."""
    for number in SIGNALS:
        signal.signal(number, _unwind)


def end_at_once() -> None:
    """Wait for nothing more at a signal: all is closed, only the interpreter has to end."""
    for number in SIGNALS:
        signal.signal(number, _leave)


def _unwind(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(0)
