"""Who owns a loop, and what that lets each session write: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opcua_server.access.roles import OPERATOR, SUPERVISOR
from plant import quality
from plant.signals import Writer

OOS, MAN, AUTO, CAS, RCAS = range(5)
_CASCADED = (CAS, RCAS)

OPERATORS = frozenset({OPERATOR, SUPERVISOR})
"""Who writes by hand."""


@dataclass(frozen=True, slots=True)
class Claim:
    """How a session and the loop of the signal it writes stand to each other."""

    is_fresh: bool
    """Somebody holds the loop."""
    is_mine: bool
    """The session does."""
    mode: int
    """The loop's actual mode."""


def refusal(writer: Writer, value: Any, roles: frozenset[str], claim: Claim | None) -> int:
    """Return the StatusCode that a write by a session with the right role gets: Good, or why not.

    `claim` is None where the signal belongs to no loop.
    """
    if claim is None:
        return quality.GOOD
    if writer is Writer.HEARTBEAT:
        return quality.GOOD if claim.is_mine or not claim.is_fresh else quality.BAD_USER_ACCESS_DENIED
    if writer is Writer.HOLDER:
        return quality.GOOD if claim.is_mine else quality.BAD_USER_ACCESS_DENIED
    if writer is Writer.DEMAND:
        by_hand = claim.mode == MAN and bool(roles & OPERATORS or not claim.is_fresh)
        if claim.is_mine or by_hand:
            return quality.GOOD
        return quality.BAD_USER_ACCESS_DENIED if claim.is_fresh else quality.BAD_INVALID_STATE
    if writer is Writer.OUTPUT:
        return quality.GOOD if claim.mode == MAN else quality.BAD_INVALID_STATE
    if writer is Writer.SETPOINT:
        return quality.BAD_INVALID_STATE if claim.mode in _CASCADED else quality.GOOD
    if writer is Writer.OPERATOR and value in _CASCADED:
        return quality.BAD_INVALID_STATE  # no master exists
    return quality.GOOD
