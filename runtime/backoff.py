"""Waiting times between tries: capped, doubled, jittered."""

from __future__ import annotations

import random
from collections.abc import Iterator


def delays(first_s: float = 0.2, cap_s: float = 5.0, rng: random.Random | None = None) -> Iterator[float]:
    """Yield seconds to wait before each next try, without end; jitter is 50 to 100 % of the step."""
    rng = rng or random.Random()
    step = first_s
    while True:
        yield step * rng.uniform(0.5, 1.0)
        step = min(cap_s, step * 2)
