"""Lines that clients can cause are few in the log, however many they cause."""

from __future__ import annotations

import logging
from collections.abc import Callable

MOST_LINES = 20
PERIOD_S = 60.0


class LogRate:
    """Writes so many lines in a period, and says with the first one after it how many it kept back."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._since = clock()
        self._lines = 0

    def warn(self, message: str, *arguments: object) -> None:
        """Write a line, if there is room for one."""
        now = self._clock()
        if now - self._since >= PERIOD_S:
            if self._lines > MOST_LINES:
                self._log.warning("%d lines like the next were left out", self._lines - MOST_LINES)
            self._since, self._lines = now, 0
        self._lines += 1
        if self._lines <= MOST_LINES:
            self._log.warning(message, *arguments)
