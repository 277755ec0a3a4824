"""One name that has stood for signals of several types: its numbers without a seam, for what is computed of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from plant import quality
from timeseries.columns import Columns
from timeseries.merging import united_pages
from timeseries.reading import FOREVER, History
from timeseries.signals import BOOLEAN, DATETIME, DOUBLE, SignalInfo, in_type

_AT_ONCE = 1000
"""Samples that are looked at at once for a Good one."""
Kind = tuple[int, SignalInfo]
"""A signal's number, and what it is."""


class Recorded(Protocol):
    """What is asked of a history for that, each as `History` has it."""

    def read(self, signal: int, info: SignalInfo, low: int, high: int, *, lean: bool = False) -> Columns:
        """Return the samples with low <= time < high."""
        ...

    def pages(
        self,
        signal: int,
        info: SignalInfo,
        low: int,
        high: int,
        most: int = ...,
        *,
        backward: bool = False,
        lean: bool = False,
    ) -> Iterator[Columns]:
        """Yield the same, some at a time."""
        ...

    def cuts(self, signal: int, low: int, high: int, most: int) -> list[int]:
        """Return times that cut a span into parts of about `most` samples."""
        ...

    def newest_time(self) -> int:
        """Return the newest time of all signals: up to it, what is set is known to hold."""
        ...


def united(history: History, kinds: Sequence[Kind], low: int, high: int) -> tuple[Recorded, int, SignalInfo]:
    """Return what to ask about a span, either way, and by which number and kind: the last of them is the present one.

    Earlier kinds are numbers like it, and have something of the span, or nearer to it than the next Good samples on
    either side; a double is what they are together where they are not alike.
    """
    number, info = kinds[-1]
    low, high = min(low, high), max(low, high)
    if len(kinds) == 1 or not _is_number(info):
        return history, number, info
    in_front = history.pages(number, info, -FOREVER, low + 1, _AT_ONCE, backward=True, lean=True)
    behind = history.pages(number, info, high, FOREVER, _AT_ONCE, lean=True)
    # A line that goes on behind the last sample is that of the last two (`spans.wanted_before`).
    first = min(_good_times(in_front, 2)[-2:-1], default=-FOREVER)
    last = min(_good_times(behind, 1), default=FOREVER)
    earlier = [kind for kind in kinds[:-1] if _is_number(kind[1]) and _has(history, kind, first, last)]
    if not earlier:
        return history, number, info
    together = replace(info, data_type=DOUBLE, stepped=info.stepped or info.data_type == BOOLEAN)
    return _United(history, [*earlier, kinds[-1]], together), number, together


def _is_number(info: SignalInfo) -> bool:
    return not info.is_text and info.data_type != DATETIME


def _good_times(pages: Iterator[Columns], count: int) -> list[int]:
    """Return the times of at least so many Good samples, of the first pages that have them; in order."""
    found: list[int] = []
    for page in pages:
        found += page.times[page.statuses < quality.UNCERTAIN].tolist()
        if len(found) >= count:
            break
    return sorted(found)


def _has(history: History, kind: Kind, low: int, high: int) -> bool:
    return any(True for _ in history.pages(*kind, low, high + 1, 1, lean=True))


class _United:
    """All kinds in one type; number and kind that are asked for tell nothing."""

    def __init__(self, history: History, kinds: Sequence[Kind], together: SignalInfo) -> None:
        self._history, self._kinds, self._together = history, kinds, together

    def read(self, signal: int, info: SignalInfo, low: int, high: int, *, lean: bool = False) -> Columns:
        return Columns.joined(list(self.pages(signal, info, low, high, FOREVER, lean=lean)))

    def pages(
        self,
        signal: int,
        info: SignalInfo,
        low: int,
        high: int,
        most: int = 1_000_000,
        *,
        backward: bool = False,
        lean: bool = False,
    ) -> Iterator[Columns]:
        sources = [
            map(
                partial(in_type, self._together, kind),
                self._history.pages(number, kind, low, high, most, backward=backward, lean=lean),
            )
            for number, kind in self._kinds
        ]
        return united_pages(sources, backward=backward)

    def cuts(self, signal: int, low: int, high: int, most: int) -> list[int]:
        return sorted({cut for number, _ in self._kinds for cut in self._history.cuts(number, low, high, most)})

    def newest_time(self) -> int:
        return self._history.newest_time()
