"""Which signals are read back together: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from plant.clock import TICKS_PER_SECOND

AT_ONCE = 50
"""Signals whose gaps are closed together."""
_ALIKE = 10 * TICKS_PER_SECOND


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
