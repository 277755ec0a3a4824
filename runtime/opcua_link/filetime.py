"""A datetime that keeps its 100 ns ticks: asyncua's own cut DateTimes to microseconds, on the wire too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Self

from asyncua import ua

from plant.clock import LATEST_TICKS, ticks_from_datetime

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_MAX_INT64 = 2**63 - 1
"""Stands for times after 9999, and 0 for those before 1601 (OPC 10000-6 v1.05 §5.2.2.5)."""


class FileTime(ua.DateTime):
    """UTC, exact to the tick; as a datetime it is cut to microseconds."""

    ticks: int

    @classmethod
    def of(cls, ticks: int) -> Self:
        """Return the time of these ticks, 100 ns since 1601."""
        ticks = min(max(ticks, 0), LATEST_TICKS)
        base = _EPOCH + timedelta(microseconds=ticks // 10)
        time = cls(base.year, base.month, base.day, base.hour, base.minute, base.second, base.microsecond, UTC)
        time.ticks = ticks
        return time

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).of, (self.ticks,)


def ticks_of(when: datetime | None) -> int:
    """Return the ticks of any datetime, 0 for none."""
    if when is None:
        return 0
    ticks = getattr(when, "ticks", None)
    return ticks if ticks is not None else ticks_from_datetime(when)


def install() -> None:
    """Let asyncua's codec write and read whole ticks; doing so again changes nothing."""
    ua.datetime_to_win_epoch = _encode  # type: ignore[assignment]
    ua.win_epoch_to_datetime = FileTime.of  # type: ignore[assignment]


def _encode(when: datetime) -> int:
    ticks = ticks_of(when)
    if ticks <= 0:
        return 0
    return ticks if ticks < LATEST_TICKS else _MAX_INT64


install()
