"""What aggregates and values at a time are made of: the samples of a span, and one on either side of it."""

from __future__ import annotations

import numpy as np

from plant.sample import Scalar
from timeseries.aggregates import Series, further
from timeseries.columns import Columns
from timeseries.reading import History
from timeseries.signals import BOOLEAN, DATETIME, SignalInfo


def for_aggregates(
    history: History,
    number: int,
    info: SignalInfo,
    start: int,
    end: int,
    interval: int,
    whole: tuple[int, int] | None = None,
) -> Series:
    """Return what aggregates of a span are made of, which may be a part of a `whole` one; either may run backward.

    Where its ends are bad, what is not bad is looked for in all of the whole, and an interval beyond.
    """
    found = around(history, number, info, start, end)
    if reach := further(found, start, end, interval):
        start, end = whole or (start, end)
        reach = max(reach, min(interval, abs(end - start)))
        found = around(history, number, info, min(start, end) - reach, max(start, end) + reach)
    return found


def around(history: History, number: int, info: SignalInfo, low: int, high: int) -> Series:
    """Return the samples from the last at or before a time to the first at or after another."""
    low, high = min(low, high), max(low, high)
    before, after = history.edges(number, info, low, high)
    first, last = low if before is None else before, high if after is None else after
    columns = history.read(number, info, first, last + 1)
    times = columns.times
    is_latest = np.append(times[1:] != times[:-1], [True] * min(1, len(times)))
    """Of a time that was there twice, the later epoch's."""
    return series_of(info, columns.take(is_latest), high if info.stepped else None)


def series_of(info: SignalInfo, columns: Columns, covered_to: int | None = None) -> Series:
    """Return samples of one signal as aggregates take them; each time may stand there once.

    What is no quantity, text and DateTimes, is held, and stands there by its place.
    """
    if info.is_text or info.data_type == DATETIME:
        scalar = info.scalar

        def held(place: float) -> Scalar:
            row = int(place)
            return columns.texts[row] if info.is_text else scalar(columns.words.item(row))

        places = np.arange(len(columns), dtype=np.float64)
        return Series(columns.times, places, columns.statuses, True, covered_to, held, is_text=True)
    decode = bool if info.data_type == BOOLEAN else float if info.is_float else round
    stepped = info.stepped or info.data_type == BOOLEAN
    return Series(columns.times, info.numbers(columns.words), columns.statuses, stepped, covered_to, decode)
