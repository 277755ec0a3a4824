"""SIGINT and SIGTERM outside of an event loop: the process ends with 0, without a word."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_told = threading.Event()


def end_quietly() -> None:
    """Unwind at a signal, closing what is open, until an event loop takes the signals over."""
    for number in SIGNALS:
        signal.signal(number, _unwind)


def end_at_once() -> None:
    """Wait for nothing more at a signal: all is closed, only the interpreter has to end."""
    for number in SIGNALS:
        signal.signal(number, _leave)


def was_told() -> bool:
    """Tell whether a signal has come: code that it interrupted, an import say, may have swallowed its exception."""
    return _told.is_set()


def _unwind(number: int, frame: FrameType | None) -> None:
    _told.set()
    raise SystemExit(0)


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(0)
