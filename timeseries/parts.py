"""What of a signal stands together somewhere, and how a reader chooses and unites it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from timeseries.columns import Columns
from timeseries.signals import SignalInfo

Asked = tuple[int, SignalInfo, int, int]
"""A signal's number and kind, and from when to when, ticks."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some samples of the signal that stand together."""

    first: int
    last: int
    count: int
    columns: Columns | None = None
    """Of the log."""
    chunk: int = 0
    segment: str = ""
    row_group: int = 0
    footer: int | None = None
    """CRC of the segment's."""


def logged_parts(logged: Columns, asked: Sequence[Asked]) -> list[list[Part]]:
    """Return of each signal that is asked for what the log's samples have of it, a part or none."""
    signals = [signal for signal, *_ in asked]
    is_asked = logged.signals == signals[0] if len(asked) == 1 else np.isin(logged.signals, signals)
    is_asked &= logged.times >= min(low for *_, low, _ in asked)
    is_asked &= logged.times < max(high for *_, high in asked)
    some = logged.take(is_asked).in_order()
    edges = zip(*(np.searchsorted(some.signals, signals, side).tolist() for side in ("left", "right")), strict=True)
    found: list[list[Part]] = []
    for (first, last), (*_, low, high) in zip(edges, asked, strict=True):
        mine = some.take(np.arange(first, last)).between(low, high) if first < last else some.take(np.arange(0))
        found.append([Part(int(mine.times[0]), int(mine.times[-1]), len(mine), mine)] if len(mine) else [])
    return found


def cut(parts: Sequence[Part], low: int, high: int, most: int, *, backward: bool) -> int:
    """Return up to (or from) where parts have about `most` samples."""
    count = 0
    for part in sorted(parts, key=lambda each: -each.first if backward else each.last):
        count += part.count
        if count >= most:
            return max(low, part.first) if backward else min(high, part.last + 1)
    return low if backward else high


def united(found: Sequence[Columns]) -> Columns:
    """Return samples in order of time and epoch; parts that follow each other need no sorting."""
    some = sorted((part for part in found if len(part)), key=lambda part: int(part.times[0]))
    columns = Columns.joined(some)
    times = columns.times
    return columns if bool((times[1:] > times[:-1]).all()) else columns.in_order()
