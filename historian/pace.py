"""When those who publish look again for what to publish."""

from __future__ import annotations

import asyncio
import contextlib
import time

EVERY_S, IDLE_S = 0.2, 1.0
"""How often is published at most, since a message costs more than a sample; and looked for more, if nobody calls."""


class Pace:
    """One publisher's; `begin` a round, and `rest` behind it."""

    def __init__(self) -> None:
        self._more = asyncio.Event()
        self._began = 0.0

    def wake(self) -> None:
        """Say that there is something to publish."""
        self._more.set()

    def begin(self) -> None:
        """Begin a round, which sees all that was said so far."""
        self._began = time.monotonic()
        self._more.clear()

    async def rest(self, *, was_any: bool, was_all: bool) -> None:
        """Return when the next round is due: if there was nothing, once there is; if there was all, a little later."""
        if not was_any:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    await self._more.wait()
        elif was_all:
            await asyncio.sleep(self._began + EVERY_S - time.monotonic())
