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
        self._refuses = False

    async def do(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `function` returns, however long the store refuses."""
        waits = delays(FIRST_DELAY_S, LONGEST_DELAY_S)
        while True:
            try:
                result = await asyncio.get_running_loop().run_in_executor(
                    self._worker, lambda: function(*args, **kwargs)
                )
            except sqlite3.Error as error:
                if not self._refuses:
                    log.error("the store refuses (%s); samples wait at the server until it takes them", error)
                self._refuses = True
                self._health.last_error = f"store: {error}"
                self._health.wait_for("store", str(error))
                await asyncio.sleep(next(waits))
                continue
            if self._refuses:
                log.info("the store works again")
                self._refuses = False
                self._health.last_error = ""
                self._health.ready("store")
            return result

    def end(self) -> None:
        """Let what is under way finish."""
        self._worker.shutdown()
