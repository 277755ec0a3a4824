"""What aggregates and values at a time are made of: the samples of a span, and what is nearest on either side of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from plant.clock import TICKS_PER_SECOND
from plant.sample import Scalar
from timeseries.aggregates import STANDARD, AggregateConfiguration, Series
from timeseries.columns import Columns
from timeseries.reading import FOREVER
from timeseries.signals import BOOLEAN, DATETIME, UINT64, SignalInfo
from timeseries.uniting import Recorded

MOST_EXACT = 2.0**53
"""Doubles hold each whole number up to it."""
FAR, LONG = 3600 * TICKS_PER_SECOND, 86_400 * TICKS_PER_SECOND
"""Times that are so far from each other are looked for apart: it takes as long to read what is between. Nor is more
than a day read at once."""
_NEXT = 5 * TICKS_PER_SECOND
"""So far from a time there is mostly a sample."""
_AT_ONCE = 100_000
"""Samples that are looked at at once for one that is not bad."""


def near(times: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Return the places of times, of those that lie near each other together: what is between need not be read."""
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    is_cut = (np.diff(ordered) > FAR) | (np.diff(ordered // LONG) > 0)
    return [run for run in np.split(order, np.flatnonzero(is_cut) + 1) if len(run)]


def runs_around(
    history: Recorded,
    number: int,
    info: SignalInfo,
    times: NDArray[np.int64],
    configuration: AggregateConfiguration = STANDARD,
) -> Iterator[tuple[NDArray[np.intp], Series]]:
    """Yield the places of some of the times, and the samples around these, until all are there.

    However far from each other, times between the same two samples take one look, as do all in front of the first
    sample and all behind the last.
    """
    runs = deque(near(times))
    present = history.newest_time() if info.stepped else FOREVER
    while runs:
        together = [runs.popleft()]
        found = _around(history, number, info, *_ends(times, together), configuration)
        place = int(np.searchsorted(found.times, times[together[0][-1]]))
        reach = found.times[place] if place < len(found) else FOREVER
        while runs and times[runs[0][-1]] <= reach:
            together.append(runs.popleft())
        yield np.concatenate(together), series_of(info, found, min(_ends(times, together)[1], present))


def around(
    history: Recorded,
    number: int,
    info: SignalInfo,
    low: int,
    high: int,
    configuration: AggregateConfiguration = STANDARD,
) -> Series:
    """Return a span's samples, the nearest on either side, and the nearest that are not bad; it may run backward.

    What is stepped holds up to the end of the span, or to the present of the history if that is earlier.
    """
    low, high = min(low, high), max(low, high)
    # Asked before the samples are read: what is set meanwhile is of a later time.
    covered_to = min(high, history.newest_time()) if info.stepped else high
    return series_of(info, _around(history, number, info, low, high, configuration), covered_to)


def lacking(found: Columns, low: int, high: int, configuration: AggregateConfiguration) -> tuple[int, int]:
    """Return how many samples that are not bad are wanted in front of what was found, and how many behind it.

    Interpolated bounding values are made of the nearest on either side, however far; a line that goes on behind the
    last one, of the last two (OPC 10000-13 v1.05 §3.1.8). Whether the first one is a transition tells the one before
    it. Where there is none at all on a side, none is wanted.
    """
    times, least_bad = found.times, np.uint32(configuration.least_bad << 30)
    before = int(np.count_nonzero(found.statuses[: np.searchsorted(times, low)] < least_bad))
    after = int(np.count_nonzero(found.statuses[np.searchsorted(times, high) :] < least_bad))
    wanted = 2 if configuration.use_sloped_extrapolation else 1
    return max(0, wanted - before) if times[0] < low else 0, max(0, 1 - after) if times[-1] >= high else 0


def known(columns: Columns, configuration: AggregateConfiguration) -> Columns:
    """Return the samples that are not bad."""
    return columns.take(columns.statuses < np.uint32(configuration.least_bad << 30))


def latest(columns: Columns) -> Columns:
    """Return samples of one signal, in order of time and epoch, without those of times that were there again later."""
    times = columns.times
    return columns.take(np.append(times[1:] != times[:-1], np.ones(min(1, len(times)), np.bool_)))


def some_of(columns: Columns, count: int, *, backward: bool) -> Columns:
    """Return the last so many, or the first."""
    places = np.arange(len(columns))
    return columns.take(places[max(0, len(places) - count) :] if backward else places[:count])


def series_of(info: SignalInfo, columns: Columns, covered_to: int) -> Series:
    """Return samples of one signal, each time once, as aggregates take them.

    What is stepped holds up to `covered_to`. What is no quantity, text and DateTimes, is held, and stands there by its
    place.
    """
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


def _ends(times: NDArray[np.int64], runs: list[NDArray[np.intp]]) -> tuple[int, int]:
    return int(times[runs[0][0]]), int(times[runs[-1][-1]])


def _around(
    history: Recorded, number: int, info: SignalInfo, low: int, high: int, configuration: AggregateConfiguration
) -> Columns:
    """Return the samples of a span, the nearest on either side, and the nearest of those that are not bad."""
    found = latest(_framed(history, number, info, low, high))
    if not len(found):
        return found
    before, after = lacking(found, low, high, configuration)
    first, behind = int(found.times[0]), int(found.times[-1]) + 1
    parts = [
        _nearest(history, number, info, (-FOREVER, first), before, configuration, backward=True),
        found,
        _nearest(history, number, info, (behind, FOREVER), after, configuration, backward=False),
    ]
    return Columns.joined([part for part in parts if len(part)])


def _framed(history: Recorded, number: int, info: SignalInfo, low: int, high: int) -> Columns:
    """Return the samples from the last before a time to the first at or after another."""
    early, late = low - _NEXT, high + _NEXT + 1
    found = history.read(number, info, early, late, lean=True)
    if not len(found) or found.times[0] >= low:
        page = next(history.pages(number, info, -FOREVER, early, 1, backward=True, lean=True), Columns.of(0))
        found = Columns.joined([page, found])
    if not len(found) or found.times[-1] < high:
        page = next(history.pages(number, info, late, FOREVER, 1, lean=True), Columns.of(0))
        found = Columns.joined([found, page])
    if not len(found):
        return found
    times = found.times
    first = times[max(0, int(np.searchsorted(times, low)) - 1)]
    last = times[min(len(times) - 1, int(np.searchsorted(times, high)))]
    return found.between(int(first), int(last) + 1)


def _nearest(
    history: Recorded,
    number: int,
    info: SignalInfo,
    span: tuple[int, int],
    count: int,
    configuration: AggregateConfiguration,
    *,
    backward: bool,
) -> Columns:
    """Return so many samples that are not bad, from the late end of a span or the early one."""
    found = Columns.of(0)
    if not count:
        return found
    for page in history.pages(number, info, *span, _AT_ONCE, backward=backward, lean=True):
        some = known(latest(page), configuration)
        found = Columns.joined([some, found] if backward else [found, some])
        if len(found) >= count:
            break
    return some_of(found, count, backward=backward)
