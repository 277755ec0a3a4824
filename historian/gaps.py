"""Which signals are read back together, and when those are asked for again that were refused: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from plant import quality
from plant.clock import TICKS_PER_SECOND
from runtime.backoff import delays

AT_ONCE = 50
"""Signals whose gaps are closed together."""
FIRST_PATIENCE_S, LONGEST_PATIENCE_S = 10.0, 3600.0
"""Until signals are asked for again that the server refuses to tell of; each time in vain twice as long."""
MOST_NAMED = 3
MOST_REFUSALS = 30
"""Parts of gaps that may be refused until no more are asked for."""
_ALIKE = 10 * TICKS_PER_SECOND
_DAY = 86_400 * TICKS_PER_SECOND


def alike(starts: Mapping[str, int]) -> Iterator[list[str]]:
    """Yield the signals in groups whose gaps begin at about the same time (ticks)."""
    group: list[str] = []
    for name in sorted(starts, key=starts.__getitem__):
        if group and (len(group) == AT_ONCE or starts[name] - starts[group[0]] > _ALIKE):
            yield group
            group = []
        group.append(name)
    if group:
        yield group


def halves(low: int, high: int, last: int) -> list[tuple[int, int]]:
    """Return a span (ticks) in two, cut at a midnight before `last`; none where there is no such midnight."""
    before = min(high, last)
    middle = (low + before) // 2
    middle -= middle % _DAY
    if middle <= low:
        middle += _DAY
    return [(low, middle), (middle, high)] if middle < before else []


def some(names: Iterable[str], most: int = MOST_NAMED) -> str:
    """Return names for people: the first few, and how many more."""
    every = sorted(names)
    return ", ".join(every[:most]) + (f" and {rest} more" if (rest := len(every) - most) > 0 else "")


class Refused:
    """Signals whose history the server does not tell, each with the StatusCode that it answers."""

    def __init__(self) -> None:
        self._statuses: dict[str, int] = {}
        self._said: dict[str, int] = {}
        self._waits = delays(FIRST_PATIENCE_S, LONGEST_PATIENCE_S)
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._statuses)

    def __contains__(self, name: str) -> bool:
        return name in self._statuses

    @property
    def names(self) -> list[str]:
        """Those there are."""
        return list(self._statuses)

    @property
    def why(self) -> str:
        """What to say of them; empty without any."""
        return _sentence(self._statuses)

    def answered(self, asked: Iterable[str], refused: Mapping[str, int]) -> None:
        """Take which of those that were asked for were refused."""
        for name in asked:
            self._statuses.pop(name, None)
            if name not in refused:
                self._said.pop(name, None)
        self._statuses |= refused
        if not self._statuses:
            self._waits = delays(FIRST_PATIENCE_S, LONGEST_PATIENCE_S)

    def unsaid(self) -> str:
        """Return what was not said yet, and is from now on."""
        new = {name: status for name, status in self._statuses.items() if self._said.get(name) != status}
        self._said |= new
        return _sentence(new)

    def begin(self) -> None:
        """Note that another server is connected, or the same again: all is asked for once more."""
        self._statuses.clear()
        self._waits, self._next = delays(FIRST_PATIENCE_S, LONGEST_PATIENCE_S), 0.0

    def wait(self, now: float) -> None:
        """Have them be asked for again, later than the time before."""
        self._next = now + next(self._waits)

    def left_s(self, now: float) -> float | None:
        """Return how long until they are asked for again; None where there are none."""
        return max(0.0, self._next - now) if self._statuses else None


def _sentence(statuses: Mapping[str, int]) -> str:
    by_status: dict[int, list[str]] = {}
    for name, status in statuses.items():
        by_status.setdefault(status, []).append(name)
    return "; ".join(f"{some(names)}: {quality.name_of(status)}" for status, names in by_status.items())
