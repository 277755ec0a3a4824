"""Continuation points of a session: where paused operations go on (OPC 10000-4 v1.05 §7.9)."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Generic, TypeVar

Rest = TypeVar("Rest")


class ContinuationPoints(Generic[Rest]):
    """What is left of a session's paused operations; it goes with the session."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rests: OrderedDict[bytes, Rest] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rests)

    def put(self, rest: Rest, used: int) -> bytes | None:
        """Keep what is left of an operation of a request that has used so many; None when these are all.

        Points of earlier requests give way, the oldest first.
        """
        if used >= self._limit:
            return None
        if len(self._rests) >= self._limit:
            self._rests.popitem(last=False)
        point = secrets.token_bytes(16)
        self._rests[point] = rest
        return point

    def clear(self) -> None:
        """Forget all operations."""
        self._rests.clear()

    def take(self, point: bytes | None) -> Rest | None:
        """Return what is left, once; None for a point that is not, or no longer, there."""
        return self._rests.pop(point, None) if point is not None else None
