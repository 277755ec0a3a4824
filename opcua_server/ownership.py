"""Who owns a loop, and what that lets each session write (plant.md, "Who owns the loop"): pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plant import quality
from plant.clock import TICKS_PER_SECOND
from plant.signals import Writer

FRESH_TICKS = 6 * TICKS_PER_SECOND
OOS, MAN, AUTO, CAS, RCAS = range(5)
_CASCADED = (CAS, RCAS)

OPERATORS = frozenset({"Operator", "Supervisor"})
ENGINEERS = frozenset({"Engineer"})
CONTROLLERS = frozenset({"Controller"})
DETECTORS = frozenset({"Detector"})
ALL_ROLES = frozenset({"Observer", "SecurityAdmin"}) | OPERATORS | ENGINEERS | CONTROLLERS | DETECTORS

MAY_WRITE = {
    Writer.HOLDER: CONTROLLERS,
    Writer.HEARTBEAT: CONTROLLERS,
    Writer.DEMAND: CONTROLLERS | OPERATORS,
    Writer.OUTPUT: OPERATORS,
    Writer.SETPOINT: OPERATORS,
    Writer.OPERATOR: OPERATORS,
    Writer.ENGINEER: ENGINEERS,
    Writer.DETECTOR: DETECTORS,
}
"""The roles of which a session needs one, for each kind of writer."""


@dataclass(slots=True)
class Loop:
    """One loop's holder: the session whose heartbeat is fresh."""

    holder: object | None = None
    """The session; None before the first heartbeat."""
    heartbeat: int = 0
    beaten_at: int | None = None
    """Plant time of the last change of the heartbeat; None when none was ever seen."""
    tripped: bool = False
    """The watchdog has acted since the last heartbeat."""

    def is_fresh(self, now: int) -> bool:
        """Tell whether somebody holds the loop."""
        return self.holder is not None and self.beaten_at is not None and now - self.beaten_at < FRESH_TICKS

    def is_held_by(self, session: object, now: int) -> bool:
        """Tell whether it is this session that holds the loop."""
        return self.holder is session and self.is_fresh(now)

    def beat(self, session: object, value: int, now: int) -> None:
        """Take a heartbeat; only a changed one counts."""
        if value != self.heartbeat or self.holder is not session:
            self.holder, self.heartbeat, self.beaten_at, self.tripped = session, value, now, False

    def release(self, session: object) -> None:
        """Let a session that has ended no longer hold the loop; the watchdog goes on counting."""
        if self.holder is session:
            self.holder = None

    def must_trip(self, now: int, mode_target: int) -> bool:
        """Tell whether the watchdog has to act now: once for each silence, and never against a hand in MAN."""
        silent = self.beaten_at is not None and now - self.beaten_at >= FRESH_TICKS
        return silent and not self.tripped and mode_target != MAN


def refusal(
    writer: Writer, value: Any, session: object, roles: frozenset[str], loop: Loop | None, mode: int, now: int
) -> int:
    """Return the StatusCode that a write by a session with the right role gets: Good, or why not.

    `loop` is that of the signal's reactor; `mode` its actual mode.
    """
    if loop is None:
        return quality.GOOD
    if writer is Writer.HEARTBEAT:
        free = not loop.is_fresh(now) or loop.is_held_by(session, now)
        return quality.GOOD if free else quality.BAD_USER_ACCESS_DENIED
    if writer is Writer.HOLDER:
        return quality.GOOD if loop.is_held_by(session, now) else quality.BAD_USER_ACCESS_DENIED
    if writer is Writer.DEMAND:
        if loop.is_held_by(session, now) or (mode == MAN and (roles & OPERATORS or not loop.is_fresh(now))):
            return quality.GOOD
        return quality.BAD_USER_ACCESS_DENIED if loop.is_fresh(now) else quality.BAD_INVALID_STATE
    if writer is Writer.OUTPUT:
        return quality.GOOD if mode == MAN else quality.BAD_INVALID_STATE
    if writer is Writer.SETPOINT:
        return quality.BAD_INVALID_STATE if mode in _CASCADED else quality.GOOD
    if writer is Writer.OPERATOR and value in _CASCADED:
        return quality.BAD_INVALID_STATE  # no master exists
    return quality.GOOD
