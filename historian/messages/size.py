"""How much goes into one message: brokers take some megabytes, and what they refuse would be sent for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

MOST_SAMPLES = 500
"""`config/telegraf.conf` counts on it."""
MOST_BYTES = 1_000_000
_SAMPLE_BYTES, _CHARACTER_BYTES = 200, 4
"""At most, of a sample without its text, and of a character of that."""


def messages(count: int, texts: Mapping[int, str]) -> Iterator[slice]:
    """Yield which of some samples go together, in order; some have a text, by their place."""
    start = size = 0
    for place in range(count) if texts else range(0, count, MOST_SAMPLES):
        own = _SAMPLE_BYTES + _CHARACTER_BYTES * len(texts.get(place, ""))
        if place > start and (place - start == MOST_SAMPLES or size + own > MOST_BYTES):
            yield slice(start, place)
            start, size = place, 0
        size += own
    if count:
        yield slice(start, count)
