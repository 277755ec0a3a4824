"""A raw client's connection that takes any answer, and counts StatusCodes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from asyncua import ua

from ..conformity.wire import Connection

_RESULT = slice(16, 20)
"""ServiceResult of a response whose type has a FourByte NodeId."""


@dataclass
class Tally:
    """What was sent, and what came of it."""

    messages: int = 0
    lost: int = 0
    """Connections that the server has ended."""
    unanswered: int = 0
    """Connections on which a valid request was not answered in time."""
    statuses: Counter[int] = field(default_factory=Counter)

    def named(self) -> list[tuple[str, int]]:
        """Return the StatusCodes of all answers by name, the most frequent first."""
        return [(ua.StatusCode(ua.UInt32(code)).name, count) for code, count in self.statuses.most_common()]


class FuzzConnection(Connection):
    """One on which answers come that nobody waits for."""

    tally = Tally()

    def _take(self, message: Any) -> None:
        if isinstance(message, ua.Message):
            self.tally.statuses[int.from_bytes(bytes(message.body())[_RESULT], "little")] += 1
        number = message.request_id() if isinstance(message, ua.Message) else 0
        if number in self._waiting and not self._waiting[number][1].done():
            super()._take(message)
