"""Passwords are hashed in a few threads of their own, so that neither the scan nor other clients wait for it."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from opcua_server.lockout import origin_of
from runtime.passwords import is_password

AT_ONCE = max(1, min(4, (os.cpu_count() or 1) // 2))
"""Half of the cores at most: the other half computes the plant."""
MOST_WAITING = 64
MOST_OF_ONE_ADDRESS = 32
"""Of those that wait: one address leaves room for others."""


class TooManyLogins(Exception):  # noqa: N818
    """There is no room in the line."""


class PasswordChecks:
    """A line of passwords that wait to be hashed."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, "password")
        self._waiting: Counter[str] = Counter()

    async def matches(self, password: str, hashed: str, address: str) -> bool:
        """Tell whether this is the password.

        Raises:
            TooManyLogins: when too many wait already, of this address or of all.
        """
        origin = origin_of(address)
        if self._waiting.total() >= MOST_WAITING or self._waiting[origin] >= MOST_OF_ONE_ADDRESS:
            raise TooManyLogins
        self._waiting[origin] += 1
        check = asyncio.get_running_loop().run_in_executor(self._threads, is_password, password, hashed)
        check.add_done_callback(lambda _: self._end(origin))
        # A client that goes away keeps its place until its password is hashed: coming and going gains nothing.
        return await asyncio.shield(check)

    def _end(self, origin: str) -> None:
        self._waiting[origin] -= 1
        if not self._waiting[origin]:
            del self._waiting[origin]
