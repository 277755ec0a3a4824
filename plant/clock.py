"""Plant time: an int64 of 100 ns since 1601-01-01 UTC, OPC UA's own DateTime (OPC 10000-6 v1.05 §5.2.2.5)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

TICKS_PER_SECOND = 10_000_000
UNIX_EPOCH_TICKS = 116_444_736_000_000_000
"""1970-01-01 in ticks."""

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
LATEST_TICKS = 2_650_467_743_999_999_999
"""9999-12-31T23:59:59.9999999Z."""
_RELATIVE = re.compile(r"^([+-]?)(\d+(?:\.\d+)?)(us|ms|s|min|m|h|d|w)$")
_SECONDS = {
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}


def ticks_from_seconds(seconds: float) -> int:
    """Return a duration in ticks, rounded to the nearest."""
    return round(seconds * TICKS_PER_SECOND)


def whole_milliseconds(ticks: int) -> int:
    """Return the latest time up to this one that has no part of a millisecond."""
    return ticks - ticks % (TICKS_PER_SECOND // 1000)


def ticks_from_unix_ns(unix_ns: int) -> int:
    """Return the tick that contains a Unix time in nanoseconds."""
    return unix_ns // 100 + UNIX_EPOCH_TICKS


def unix_ns_from_ticks(ticks: int) -> int:
    """Return Unix nanoseconds, exact."""
    return (ticks - UNIX_EPOCH_TICKS) * 100


def ticks_from_datetime(when: datetime) -> int:
    """Return ticks; a naive datetime is taken as UTC, as asyncua gives it."""
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    delta = when - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * TICKS_PER_SECOND + delta.microseconds * 10


def datetime_from_ticks(ticks: int) -> datetime:
    """Return an aware datetime in UTC, cut to microseconds: for display and libraries only."""
    return _EPOCH + timedelta(microseconds=ticks // 10)


def text_from_ticks(ticks: int) -> str:
    """Return ISO 8601 in UTC with seven digits, e.g. `2026-11-22T04:00:00.0000000Z`."""
    seconds, fraction = divmod(ticks, TICKS_PER_SECOND)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{fraction:07d}Z"


def ticks_from_text(text: str) -> int:
    """Read ISO 8601 with up to seven digits of a second; without an offset it is UTC.

    Raises:
        ValueError: naming the text and what is allowed.
    """
    match = re.match(r"^(.*?[T ]\d\d:?\d\d:?\d\d)[.,](\d+)(.*)$", text)
    whole, digits = (match[1] + match[3], match[2]) if match else (text, "")
    try:
        when = datetime.fromisoformat(whole)
    except ValueError:
        message = f"time {text!r}: allowed is ISO 8601, e.g. 2026-11-22T04:00:00Z, or relative, e.g. -1h"
        raise ValueError(message) from None
    if len(digits) > 7:
        message = f"time {text!r}: at most seven digits of a second are allowed"
        raise ValueError(message)
    return _within(text, ticks_from_datetime(when) + int(digits.ljust(7, "0") or 0))


def seconds_from_duration(text: str) -> float:
    """Read a duration such as `10s`, `5min`, `1h`, in seconds.

    Raises:
        ValueError: naming the text and what is allowed.
    """
    match = _RELATIVE.match(text.strip())
    if match is None or match[1] == "-":
        message = f"duration {text!r}: allowed is a number and one of {', '.join(_SECONDS)}, e.g. 10min"
        raise ValueError(message)
    seconds = float(match[2]) * _SECONDS[match[3]]
    if seconds * TICKS_PER_SECOND > LATEST_TICKS:
        message = f"duration {text!r}: at most {LATEST_TICKS // TICKS_PER_SECOND} s are allowed"
        raise ValueError(message)
    return seconds


def ticks_from_time(text: str, now: int) -> int:
    """Read a time, absolute (ISO 8601), `now`, or relative to `now` in ticks (`-1h`), at the earliest 1601.

    Raises:
        ValueError: naming the text and what is allowed.
    """
    text = text.strip()
    if text == "now":
        return now
    match = _RELATIVE.match(text)
    if match is not None and match[1]:
        ticks = ticks_from_seconds(seconds_from_duration(text[1:]))
        return max(0, now - ticks) if match[1] == "-" else _within(text, now + ticks)
    return ticks_from_text(text)


def _within(text: str, ticks: int) -> int:
    if not 0 <= ticks <= LATEST_TICKS:
        message = f"time {text!r}: allowed are the years 1601 to 9999"
        raise ValueError(message)
    return ticks
