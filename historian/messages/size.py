"""How much goes into one message: what brokers, or InfluxDB, refuse would be sent for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from plant import quality
from plant.sample import Scalar
from timeseries.columns import Columns

MOST_SAMPLES = 500
MOST_BYTES = 1_000_000
_SAMPLE_BYTES, _CHARACTER_BYTES = 200, 6
"""At most, of a sample without its text, and of a character of that, which JSON may have to escape."""
LONGEST_TEXT = (MOST_BYTES - _SAMPLE_BYTES) // _CHARACTER_BYTES
"""Characters."""


def is_too_long(value: Scalar | None) -> bool:
    """Tell whether it is a text that no message has room for."""
    return isinstance(value, str) and len(value) > LONGEST_TEXT


def sendable(columns: Columns) -> Columns:
    """Return samples as they are sent: with a text too long for any message one is Bad, so that it has no value."""
    too_long = [row for row, text in columns.texts.items() if is_too_long(text)]
    if not too_long:
        return columns
    statuses = columns.statuses.copy()
    statuses[too_long] = quality.BAD_ENCODING_LIMITS_EXCEEDED
    texts = {row: text for row, text in columns.texts.items() if not is_too_long(text)}
    return replace(columns, statuses=statuses, texts=texts)


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
