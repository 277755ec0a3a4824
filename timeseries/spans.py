"""What aggregates and values at a time are made of: the samples of a span, and what is nearest on either side of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from plant.clock import TICKS_PER_SECOND
from plant.sample import Scalar
from timeseries.aggregates import STANDARD, AggregateConfiguration, Series, is_no_data
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


class Spans:
    """The samples around some of the times of one signal, asked for in order of time.

    A long stretch in which nothing is known is looked through once, however many spans are in it.
    """

    def __init__(
        self, history: Recorded, number: int, info: SignalInfo, configuration: AggregateConfiguration = STANDARD
    ) -> None:
        self._history, self._number, self._info = history, number, info
        self._configuration = configuration
        self._known_before = -FOREVER, Columns.of(0)
        """The last samples in front of a time that are not bad, as many as are ever wanted."""
        self._begun_before = -FOREVER, Columns.of(0)
        """The last sample in front of a time that says other than BadNoData."""
        self._known_from = FOREVER, Columns.of(0)
        """The first one at or after a time that is not bad."""

    def around(self, low: int, high: int) -> Series:
        """Return a span's samples, the nearest on either side, and the nearest that are not bad.

        What is stepped holds up to the end of the span, or to the present of the history if that is earlier.
        """
        # Asked before the samples are read: what is set meanwhile is of a later time.
        covered_to = min(high, self._history.newest_time()) if self._info.stepped else high
        return series_of(self._info, self._around(low, high), covered_to)

    def runs_around(self, times: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.intp], Series]]:
        """Yield the places of some of the times, and the samples around these, until all are there.

        However far from each other, times between the same two samples take one look, as do all in front of the first
        sample and all behind the last.
        """
        runs = deque(near(times))
        present = self._history.newest_time() if self._info.stepped else FOREVER
        while runs:
            together = [runs.popleft()]
            found = self._around(*_ends(times, together))
            place = int(np.searchsorted(found.times, times[together[0][-1]]))
            reach = found.times[place] if place < len(found) else FOREVER
            while runs and times[runs[0][-1]] <= reach:
                together.append(runs.popleft())
            yield np.concatenate(together), series_of(self._info, found, min(_ends(times, together)[1], present))

    def _around(self, low: int, high: int) -> Columns:
        """Return the samples of a span, the nearest on either side, and the nearest of those that are not bad."""
        found = latest(self._framed(low, high))
        if not len(found):
            return found
        before, after = lacking(found, low, high, self._configuration)
        parts = [found]
        if before:
            parts.insert(0, some_of(self._before(int(found.times[0])), before, backward=True))
        if after:
            parts.append(self._from(int(found.times[-1]) + 1))
        return self._with_begin(Columns.joined([part for part in parts if len(part)]))

    def _with_begin(self, around: Columns) -> Columns:
        """Return samples that begin with BadNoData with the last one in front that says otherwise, if there is one.

        Without it they are of a time before all data.
        """
        if not is_no_data(around.statuses[:1]).any():
            return around
        place = int(around.times[0])
        since, found = self._begun_before if self._begun_before[0] <= place else (-FOREVER, Columns.of(0))
        for page in self._pages(since, place, _AT_ONCE, backward=True):
            some = latest(page)
            if len(begun := some.take(~is_no_data(some.statuses))):
                found = some_of(begun, 1, backward=True)
                break
        self._begun_before = place, found
        return Columns.joined([found, around]) if len(found) else around

    def _framed(self, low: int, high: int) -> Columns:
        """Return the samples from the last before a time to the first at or after another."""
        early, late = low - _NEXT, high + _NEXT + 1
        found = self._history.read(self._number, self._info, early, late, lean=True)
        if not len(found) or found.times[0] >= low:
            page = next(self._pages(-FOREVER, early, 1, backward=True), Columns.of(0))
            found = Columns.joined([page, found])
        if not len(found) or found.times[-1] < high:
            page = next(self._pages(late, FOREVER, 1), Columns.of(0))
            found = Columns.joined([found, page])
        if not len(found):
            return found
        times = found.times
        first = times[max(0, int(np.searchsorted(times, low)) - 1)]
        last = times[min(len(times) - 1, int(np.searchsorted(times, high)))]
        return found.between(int(first), int(last) + 1)

    def _before(self, place: int) -> Columns:
        since, found = self._known_before if self._known_before[0] <= place else (-FOREVER, Columns.of(0))
        most = wanted_before(self._configuration)
        found = some_of(Columns.joined([found, self._known(since, place, most, backward=True)]), most, backward=True)
        self._known_before = place, found
        return found

    def _from(self, place: int) -> Columns:
        since, found = self._known_from
        if since > place or (len(found) and found.times[0] < place):
            found = self._known(place, FOREVER, 1)
            self._known_from = place, found
        return found

    def _known(self, low: int, high: int, count: int, *, backward: bool = False) -> Columns:
        """Return so many samples of a span that are not bad, the first ones or the last."""
        found = Columns.of(0)
        for page in self._pages(low, high, _AT_ONCE, backward=backward):
            some = known(latest(page), self._configuration)
            found = Columns.joined([some, found] if backward else [found, some])
            if len(found) >= count:
                break
        return some_of(found, count, backward=backward)

    def _pages(self, low: int, high: int, most: int, *, backward: bool = False) -> Iterator[Columns]:
        return self._history.pages(self._number, self._info, low, high, most, backward=backward, lean=True)


def lacking(found: Columns, low: int, high: int, configuration: AggregateConfiguration) -> tuple[int, int]:
    """Return how many samples that are not bad are wanted in front of what was found, and how many behind it.

    Interpolated bounding values are made of the nearest on either side, however far; a line that goes on behind the
    last one, of the last two (OPC 10000-13 v1.05 §3.1.8). Whether the first one is a transition tells the one before
    it. Where there is none at all on a side, none is wanted.
    """
    times, least_bad = found.times, np.uint32(configuration.least_bad << 30)
    before = int(np.count_nonzero(found.statuses[: np.searchsorted(times, low)] < least_bad))
    after = int(np.count_nonzero(found.statuses[np.searchsorted(times, high) :] < least_bad))
    in_front = wanted_before(configuration) if times[0] < low else 0
    behind = 1 if times[-1] >= high else 0
    return max(0, in_front - before), max(0, behind - after)


def wanted_before(configuration: AggregateConfiguration) -> int:
    """Return how many samples that are not bad a bounding value may be made of, that are in front of it."""
    return 2 if configuration.use_sloped_extrapolation else 1


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
    stepped = info.stepped or info.data_type == BOOLEAN
    numbers = info.numbers(columns.words)
    exact = None
    if not info.is_float and np.abs(numbers).max(initial=0.0) >= MOST_EXACT:
        exact = columns.words.view(np.uint64) if info.data_type == UINT64 else columns.words
    return Series(columns.times, numbers, columns.statuses, stepped, held_to, info.of_number, exact=exact)


def _ends(times: NDArray[np.int64], runs: list[NDArray[np.intp]]) -> tuple[int, int]:
    return int(times[runs[0][0]]), int(times[runs[-1][-1]])
