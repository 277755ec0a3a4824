"""When something that runs once an interval of plant time is due; pure."""

from __future__ import annotations

from plant.clock import ticks_from_seconds


class Schedule:
    """Due every interval, without drift; late ones are not made up for."""

    def __init__(self, interval_s: float) -> None:
        self._interval = ticks_from_seconds(interval_s)
        self._due: int | None = None
        self.late = 0
        """Executions that were missed."""

    def is_due(self, now: int) -> bool:
        """Tell, once, whether it is time; `now` in ticks."""
        if self._due is None or now < self._due - 2 * self._interval:
            self._due = now
        if now < self._due:
            return False
        missed = (now - self._due) // self._interval
        self.late += missed
        self._due += (missed + 1) * self._interval
        return True
