"""The store's own thread: what cannot be written, on a full disk say, is tried again until it is."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from runtime.backoff import delays
from runtime.health import Health

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("historian")

FIRST_DELAY_S, LONGEST_DELAY_S = 0.2, 5.0


class StoreThread:
    """Runs the store's functions one after the other; refusal and recovery are said once."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._worker = ThreadPoolExecutor(1, "store")
        self._refused: set[object] = set()
        """Functions that failed, and none of them has returned since."""
        self._waiting = 0
        """How many of them are being tried again."""

    async def do(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `function` returns, however long the store refuses."""
        waits, is_waiting = delays(FIRST_DELAY_S, LONGEST_DELAY_S), False
        try:
            while True:
                try:
                    result = await asyncio.get_running_loop().run_in_executor(
                        self._worker, lambda: function(*args, **kwargs)
                    )
                    break
                except sqlite3.Error as error:
                    self._fail(function, error)
                    if not is_waiting:
                        is_waiting = True
                        self._waiting += 1
                    await asyncio.sleep(next(waits))
        finally:
            self._waiting -= is_waiting
        self._succeed(function)
        return result

    def _fail(self, function: object, error: sqlite3.Error) -> None:
        if not self._refused:
            log.error("the store refuses (%s); samples wait at the server until it takes them", error)
        self._refused.add(function)
        self._health.trouble("store", f"store: {error}")
        self._health.wait_for("store", str(error))

    def _succeed(self, function: object) -> None:
        """Take the store to work again when nothing waits, and something works that did not."""
        if function in self._refused and not self._waiting:
            log.info("the store works again")
            self._refused.clear()
            self._health.ready("store")

    def end(self) -> None:
        """Let what is under way finish."""
        self._worker.shutdown()
