"""Intervals cut into segments: durations and areas."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from plant.clock import TICKS_PER_SECOND
from timeseries.aggregates.intervals import Chosen, Intervals, Places, over
from timeseries.aggregates.segments import Segments
from timeseries.aggregates.series import Mask, Times, Values


class Pieces:
    """Each interval is the end of one segment, whole ones, and the beginning of another, as far as there is data."""

    def __init__(self, segments: Segments, intervals: Intervals) -> None:
        self.segments, self.low = segments, intervals.low
        self.high = np.minimum(intervals.high, segments.end)
        """Where data ends, at the latest; before `low` in intervals behind all data."""
        edges = np.searchsorted(segments.times, np.append(intervals.low, intervals.high[-1]))
        first, last = edges[:-1], edges[1:]
        known = first > 0
        self._head = np.maximum(first - 1, 0)
        self._head_end = np.minimum(self.high, segments.ends(self._head))
        self._head_ticks = np.where(known, np.maximum(self._head_end - self.low, 0), 0)
        some = last > first
        self._tail = np.maximum(last - 1, 0)
        self._tail_start = segments.times[self._tail]
        self._tail_ticks = np.where(some, np.maximum(self.high - self._tail_start, 0), 0)
        self._first, self._last = first, np.maximum(last - 1, first)

    @property
    def width(self) -> Times:
        """Ticks of each interval that count: all before the first sample, nothing behind the end of data."""
        return np.maximum(self.high - self.low, 0)

    def ticks(self, whole: Mask, head: Mask | None = None) -> Times:
        """Return the ticks of each interval that lie in segments of `whole`, the first piece in one of `head`."""
        others = Chosen.where(~whole[self._inner], *self._ranges)
        times = self.segments.times
        inner = times[np.minimum(self._last, len(times) - 1)] - times[np.minimum(self._first, len(times) - 1)]
        inner = inner - over(np.add, others.of(self._length), others.first, others.last, 0)
        first = whole if head is None else head
        return np.asarray(
            self._head_ticks * first[self._head] + inner + self._tail_ticks * whole[self._tail], dtype=np.int64
        )

    def area(self) -> Values:
        """Return the integral of each interval over what is not bad, in unit times seconds."""
        segments, inner = self.segments, self._inner
        left = segments.values[inner]
        right = segments.values[inner.start + 1 : inner.stop + 1]
        lines, bad = segments.lines[inner], segments.bad[inner]
        doubled = left + (right if lines.all() else np.where(lines, right, left))
        doubled *= self._length
        if bad.any():
            doubled[bad] = 0.0
        area = over(np.add, doubled, *self._ranges, 0.0)
        for place, start, ticks in (
            (self._head, self.low, self._head_ticks),
            (self._tail, self._tail_start, self._tail_ticks),
        ):
            ends = segments.value(place, start) + segments.value(place, start + ticks)
            area += np.where((ticks > 0) & ~segments.bad[place], ends, 0.0) * ticks
        return np.asarray(area / (2 * TICKS_PER_SECOND))

    @cached_property
    def _inner(self) -> slice:
        """All segments that are whole in some interval, and what lies between them."""
        start = int(self._first[0])
        return slice(start, max(start, min(int(self._last[-1]), len(self.segments.times) - 1)))

    @cached_property
    def _length(self) -> Times:
        return np.diff(self.segments.times[self._inner.start : self._inner.stop + 1])

    @property
    def _ranges(self) -> tuple[Places, Places]:
        return self._first - self._inner.start, self._last - self._inner.start
