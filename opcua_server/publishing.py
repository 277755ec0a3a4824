"""Runs the subscriptions by the clock: with each scan, and by a timer for what finds none.

What is published is recorded before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from opcua_server.monitoring.engine import Engine

log = logging.getLogger("server")

LONGEST_WAIT_S = 60.0


class Publisher:
    """Calls the engine when something is due."""

    def __init__(self, engine: Engine, record: Callable[[], None]) -> None:
        self._engine = engine
        self._record = record
        self._timer: asyncio.TimerHandle | None = None

    def align(self, scan_s: float) -> None:
        """Publish with scans that are so far apart by the wall clock; 0 when there are none to wait for."""
        self._engine.align_s = scan_s / 2.0
        self.wake()

    def on_scan(self) -> None:
        """Publish what is due about now."""
        self._record()
        self._engine.on_scan(time.monotonic())
        self.wake()

    def publish_all(self) -> None:
        """Publish what there is: the server ends."""
        self._record()
        self._engine.publish_all(time.monotonic())

    def wake(self) -> None:
        """Take note that something may be due earlier than before."""
        self.stop()
        loop = asyncio.get_running_loop()
        due = min(self._engine.next_timer(), loop.time() + LONGEST_WAIT_S)
        self._timer = loop.call_at(due, self._on_timer)

    def stop(self) -> None:
        """Publish nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        try:
            self._record()
            self._engine.on_timer(time.monotonic())
        except Exception:
            log.exception("publishing failed")
        self.wake()
