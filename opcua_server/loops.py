"""Who holds each loop: the session whose heartbeat is fresh; all loops as columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opcua_server.ownership import MAN
from plant.clock import TICKS_PER_SECOND

FRESH_TICKS = 6 * TICKS_PER_SECOND
_NEVER = -1


class Loops:
    """The loops of all reactors, by index."""

    def __init__(self, count: int) -> None:
        self._holders: list[object | None] = [None] * count
        self._heartbeats = [0] * count
        self._held = np.zeros(count, np.bool_)
        self._beaten_at = np.full(count, _NEVER, np.int64)
        """Plant time of the last change of the heartbeat."""
        self._tripped = np.zeros(count, np.bool_)
        """The watchdog has acted since the last heartbeat."""

    def __len__(self) -> int:
        return len(self._holders)

    def fresh(self, now: int) -> NDArray[np.bool_]:
        """Tell of each loop whether somebody holds it."""
        return self._held & (now - self._beaten_at < FRESH_TICKS)

    def is_fresh(self, index: int, now: int) -> bool:
        """Tell whether somebody holds a loop."""
        return self._holders[index] is not None and now - int(self._beaten_at[index]) < FRESH_TICKS

    def is_held_by(self, index: int, session: object, now: int) -> bool:
        """Tell whether it is this session that holds a loop."""
        return self._holders[index] is session and self.is_fresh(index, now)

    def beat(self, index: int, session: object, value: int, now: int) -> None:
        """Take a heartbeat; only a changed one counts."""
        if value != self._heartbeats[index] or self._holders[index] is not session:
            self._holders[index], self._heartbeats[index] = session, value
            self._held[index], self._beaten_at[index], self._tripped[index] = True, now, False

    def release(self, session: object) -> None:
        """Let a session that has ended no longer hold any loop; the watchdog goes on counting."""
        for index in np.flatnonzero(self._held).tolist():
            if self._holders[index] is session:
                self._holders[index] = None
                self._held[index] = False

    def free(self) -> None:
        """Let nobody hold any loop."""
        self._holders = [None] * len(self)
        self._held[:] = self._tripped[:] = False

    def trip(self, now: int, mode_targets: NDArray[np.int64]) -> list[int]:
        """Return the loops whose watchdog has to act now: once for each silence, and never against a hand in MAN."""
        silent = (self._beaten_at != _NEVER) & (now - self._beaten_at >= FRESH_TICKS)
        tripped = silent & ~self._tripped & (mode_targets != MAN)
        self._tripped |= tripped
        return [int(index) for index in np.flatnonzero(tripped)]

    @property
    def controlled(self) -> list[bool]:
        """Tell of each loop whether it ever had a heartbeat."""
        return [bool(beaten) for beaten in self._beaten_at != _NEVER]

    def restore(self, controlled: list[bool], now: int) -> None:
        """Go on as if the loops that were controlled had had a heartbeat now: their controllers have time to return."""
        for index, was in enumerate(controlled[: len(self)]):
            self._beaten_at[index] = now if was else _NEVER
