"""Strangers take turns: what is asked without a session, and each new key, costs the server signatures and decryption.

OPC 10000-2 v1.05 §5.1.2.2 wants floods of OpenSecureChannel bounded. Here those who wait have at most half of the time
all together, one after the other, and each address its turn: the scan, and clients with sessions, have the other half.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LONGEST_TURN_S = 0.1
"""Then it is the next one's turn, though a turn may take longer: passwords are checked elsewhere."""
LONGEST_PAUSE_S = 0.02


class Gate:
    """Lets one in at a time."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._is_taken = False

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait for the turn of somebody of an address, and take it."""
        if self._is_taken:
            await self._wait(address)
        self._is_taken = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        over = loop.call_later(LONGEST_TURN_S, self._next)
        try:
            yield
        finally:
            now = loop.time()
            if now < over.when():
                over.cancel()
                loop.call_later(min(now - began, LONGEST_PAUSE_S), self._next)

    async def _wait(self, address: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._next()
            raise

    def _next(self) -> None:
        """Give the next one its turn, of the address that has waited longest for one."""
        while self._waiting:
            address = next(iter(self._waiting))
            queue = self._waiting.pop(address)
            turn = queue.popleft()
            if queue:
                self._waiting[address] = queue
            if not turn.done():
                turn.set_result(None)
                return
        self._is_taken = False
