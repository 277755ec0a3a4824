"""Who gives way when there are too many connections (OPC 10000-4 v1.05 §5.6.2.1: the oldest without a session).

Of the address that has most of them, and first those that have not even opened a channel: who floods the server from
one machine, or with what costs nothing, pushes out its own.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Generic, TypeVar

T = TypeVar("T")


class Admission(Generic[T]):
    """Connections that have no session, the oldest first, by address and by whether they have a channel."""

    def __init__(self) -> None:
        self._greeting: defaultdict[str, dict[T, None]] = defaultdict(dict)
        self._open: defaultdict[str, dict[T, None]] = defaultdict(dict)

    def enter(self, connection: T, address: str) -> None:
        """Take note of one that has just come."""
        self._greeting[address][connection] = None

    def opened(self, connection: T, address: str) -> None:
        """Take note that one has a channel, or no session any longer."""
        self._greeting[address].pop(connection, None)
        self._open[address][connection] = None

    def leave(self, connection: T, address: str) -> None:
        """Forget one: it has a session, or is gone."""
        for places in (self._greeting, self._open):
            places[address].pop(connection, None)
            if not places[address]:
                del places[address]

    def next(self) -> T | None:
        """Return which is to give way, None when all have sessions."""
        addresses = {*self._greeting, *self._open}
        address = max(addresses, key=self._count, default="")
        for places in (self._greeting, self._open):
            if places.get(address):
                return next(iter(places[address]))
        return None

    def _count(self, address: str) -> int:
        return len(self._greeting.get(address, ())) + len(self._open.get(address, ()))
