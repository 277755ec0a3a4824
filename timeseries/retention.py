"""How much of a history is kept."""

from __future__ import annotations

from dataclasses import dataclass

from plant.clock import ticks_from_seconds

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Retention:
    """What is older, or more, goes."""

    age: int
    """Ticks."""
    bytes: int

    @classmethod
    def of(cls, days: float, gigabytes: float) -> Retention:
        """Return what the settings say."""
        return cls(ticks_from_seconds(days * DAY_S), round(gigabytes * 1e9))
