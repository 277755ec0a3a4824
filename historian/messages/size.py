"""How much goes into one message: brokers take some megabytes, and what they refuse would be sent for ever."""

from __future__ import annotations

from collections.abc import Iterable

MOST_SAMPLES = 500
"""`config/telegraf.conf` counts on it."""
MOST_BYTES = 1_000_000
_SAMPLE_BYTES, _CHARACTER_BYTES = 200, 4
"""At most, of a sample without its text, and of a character of that."""


def most_samples(texts: Iterable[str]) -> int:
    """Return how many samples go into a message, where some have these texts; at least one."""
    longest = max(map(len, texts), default=0)
    return max(1, min(MOST_SAMPLES, MOST_BYTES // (_SAMPLE_BYTES + _CHARACTER_BYTES * longest)))
