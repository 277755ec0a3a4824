"""What aggregates and values at a time are made of: the samples of a span, and one on either side of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from plant.clock import TICKS_PER_SECOND
from plant.sample import Scalar
from timeseries.aggregates import Series, further
from timeseries.columns import Columns
from timeseries.reading import History
from timeseries.signals import BOOLEAN, DATETIME, UINT64, SignalInfo

MOST_EXACT = 2.0**53
"""Doubles hold each whole number up to it."""
FAR = 600 * TICKS_PER_SECOND
"""Times that are so far from each other are looked for apart."""


def for_aggregates(
    history: History,
    number: int,
    info: SignalInfo,
    start: int,
    end: int,
    interval: int,
    whole: tuple[int, int] | None = None,
) -> Series:
    """Return what aggregates of a span are made of, which may be a part of a `whole` one; either may run backward."""
    found = around(history, number, info, start, end)
    span = wider(found, start, end, interval, whole)
    return found if span is None else around(history, number, info, *span)


def wider(
    found: Series, start: int, end: int, interval: int, whole: tuple[int, int] | None = None
) -> tuple[int, int] | None:
    """Return the span to look around instead, where the ends of what was found are bad; None where it is enough.

    What is not bad is looked for in all of the whole, and an interval beyond.
    """
    reach = further(found, start, end, interval)
    if not reach:
        return None
    start, end = whole or (start, end)
    reach = max(reach, min(interval, abs(end - start)))
    return min(start, end) - reach, max(start, end) + reach


def near(times: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Cut times that are in order into runs: what lies between two of these need not be read."""
    edges = [0, *(np.flatnonzero(np.diff(times) > FAR) + 1).tolist(), len(times)]
    for first, last in itertools.pairwise(edges):
        if first < last:
            yield times[first:last]


def around(history: History, number: int, info: SignalInfo, low: int, high: int) -> Series:
    """Return the samples from the last at or before a time to the first at or after another."""
    low, high = min(low, high), max(low, high)
    before, after = history.edges(number, info, low, high, lean=True)
    first, last = low if before is None else before, high if after is None else after
    return series_of(info, history.read(number, info, first, last + 1, lean=True), high)


def series_of(info: SignalInfo, columns: Columns, covered_to: int) -> Series:
    """Return samples of one signal, in order of time and epoch, as aggregates take them.

    Of a time that was there twice the later epoch counts; what is stepped holds up to `covered_to`. What is no
    quantity, text and DateTimes, is held, and stands there by its place.
    """
    times = columns.times
    is_latest = np.append(times[1:] != times[:-1], [True] * min(1, len(times)))
    columns = columns.take(is_latest)
    held_to = covered_to if info.stepped else None
    if info.is_text or info.data_type == DATETIME:
        scalar = info.scalar

        def held(place: float) -> Scalar:
            row = int(place)
            return columns.texts[row] if info.is_text else scalar(columns.words.item(row))

        places = np.arange(len(columns), dtype=np.float64)
        return Series(columns.times, places, columns.statuses, True, held_to, held, is_text=True)
    decode = bool if info.data_type == BOOLEAN else float if info.is_float else round
    stepped = info.stepped or info.data_type == BOOLEAN
    numbers = info.numbers(columns.words)
    exact = None
    if not info.is_float and np.abs(numbers).max(initial=0.0) >= MOST_EXACT:
        exact = columns.words.view(np.uint64) if info.data_type == UINT64 else columns.words
    return Series(columns.times, numbers, columns.statuses, stepped, held_to, decode, exact=exact)
