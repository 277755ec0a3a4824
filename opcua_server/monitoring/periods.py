"""When something periodic is due again."""

from __future__ import annotations

import math


def due_after(due: float, period: float, now: float) -> float:
    """Return the next time on the grid of what was due: one period later, or the first that is not over yet."""
    return due + period * max(1, math.floor((now - due) / period) + 1)
