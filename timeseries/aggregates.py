"""Aggregates over the samples of one signal (OPC 10000-13 v1.05 §5.4), pure.

Measured signals are sloped (straight lines between samples), others stepped. A Bad sample ends the good stretch before
it; what follows is bad until the next good sample. Uncertain data is used and makes the result Uncertain.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plant import quality
from plant.clock import TICKS_PER_SECOND
from plant.sample import Scalar

MOST_INTERVALS = 100_000


@dataclass(frozen=True, slots=True)
class Series:
    """Samples in order of time; `values` holds None where the status is Bad."""

    times: Sequence[int]
    values: Sequence[Scalar | None]
    statuses: Sequence[int]
    stepped: bool

    @classmethod
    def of(cls, rows: Sequence[Sequence[object]], *, stepped: bool) -> Series:
        """Return a series from (time, value, status) rows."""
        times = [int(row[0]) for row in rows]  # type: ignore[call-overload]
        statuses = [int(row[2]) for row in rows]  # type: ignore[call-overload]
        values = [None if quality.is_bad(status) else row[1] for row, status in zip(rows, statuses, strict=True)]
        return cls(times, values, statuses, stepped)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Aggregated:
    """The result for one interval, at its start."""

    time: int
    value: Scalar | None
    status: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of an interval over which the value is a straight line, or bad (`left` is None)."""

    start: int
    end: int
    left: float | None
    right: float | None
    uncertain: bool

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start) / TICKS_PER_SECOND


def interpolated(series: Series, time: int) -> tuple[Scalar | None, int]:
    """Return (value, status) at a time; stepped signals hold, sloped ones lie on the line to the next good sample."""
    place = bisect_right(series.times, time) - 1
    if place < 0:
        return None, quality.BAD_NO_DATA
    value, status = series.values[place], series.statuses[place]
    if value is None or series.times[place] == time or series.stepped or isinstance(value, str):
        return value, status
    if place + 1 < len(series.times) and (following := series.values[place + 1]) is not None:
        share = (time - series.times[place]) / (series.times[place + 1] - series.times[place])
        return float(value) + (float(following) - float(value)) * share, status
    # Nothing good follows: the last value is held, and that is said (§5.4.3.4: stepped extrapolation is Uncertain).
    return value, quality.UNCERTAIN_DATA_SUB_NORMAL


def aggregate(series: Series, start: int, end: int, interval: int, function: str) -> list[Aggregated]:
    """Return one result for each interval of `interval` ticks in start..end; the last one may be shorter.

    Raises:
        ValueError: naming the function or the interval and what is allowed.
    """
    if function not in FUNCTIONS:
        message = f"aggregate {function!r}: allowed are {', '.join(FUNCTIONS)}"
        raise ValueError(message)
    if interval <= 0 or end <= start:
        message = "interval: allowed is more than 0, and an end after the start"
        raise ValueError(message)
    if (end - start) / interval > MOST_INTERVALS:
        message = f"interval: {math.ceil((end - start) / interval)} intervals are asked for, at most {MOST_INTERVALS}"
        raise ValueError(message)
    return [FUNCTIONS[function](Interval(series, low, min(low + interval, end))) for low in range(start, end, interval)]


class Interval:
    """One interval [start, end) of a series."""

    def __init__(self, series: Series, start: int, end: int) -> None:
        self.series, self.start, self.end = series, start, end
        self.first = bisect_left(series.times, start)
        self.last = bisect_left(series.times, end)

    def good(self) -> list[tuple[int, float]]:
        """Return (time, value) of the usable raw samples in the interval."""
        return [
            (self.series.times[place], float(value))
            for place in range(self.first, self.last)
            if (value := self.series.values[place]) is not None and not isinstance(value, str)
        ]

    def raw_status(self) -> int:
        """Return Good when every raw sample in the interval is, Bad when none is usable, Uncertain between."""
        statuses = self.series.statuses[self.first : self.last]
        if not any(not quality.is_bad(status) for status in statuses):
            return quality.BAD_NO_DATA
        good = all(quality.is_good(status) for status in statuses)
        return quality.GOOD if good else quality.UNCERTAIN_DATA_SUB_NORMAL

    def stretches(self) -> list[Stretch]:
        """Return the interval cut at its samples, with bounding values at both ends."""
        series = self.series
        times = [self.start, *(time for time in series.times[self.first : self.last] if time > self.start), self.end]
        result: list[Stretch] = []
        for left_time, right_time in itertools.pairwise(times):
            left, status = interpolated(series, left_time)
            right = left
            if not series.stepped and left is not None and not isinstance(left, str):
                place = bisect_right(series.times, left_time)
                following = series.values[place] if place < len(series.times) else None
                right = left if following is None else interpolated(series, right_time)[0]
            usable = left is not None and not isinstance(left, str) and right is not None
            result.append(
                Stretch(
                    left_time,
                    right_time,
                    float(left) if usable else None,  # type: ignore[arg-type]
                    float(right) if usable else None,  # type: ignore[arg-type]
                    quality.is_uncertain(status),
                )
            )
        return result

    def result(self, value: Scalar | None, status: int) -> Aggregated:
        """Return the result of this interval."""
        return Aggregated(self.start, None if quality.is_bad(status) else value, status)


def _of_raw(function: Callable[[list[tuple[int, float]]], float]) -> Callable[[Interval], Aggregated]:
    def run(interval: Interval) -> Aggregated:
        good = interval.good()
        return interval.result(function(good) if good else None, interval.raw_status() if good else quality.BAD_NO_DATA)

    return run


def _deviation(good: list[tuple[int, float]]) -> float:
    if len(good) == 1:
        return 0.0
    mean = math.fsum(value for _, value in good) / len(good)
    return math.sqrt(math.fsum((value - mean) ** 2 for _, value in good) / (len(good) - 1))


def _integral(interval: Interval) -> tuple[float, float, int]:
    """Return (area in unit times seconds, seconds of usable data, status)."""
    stretches = interval.stretches()
    usable = [stretch for stretch in stretches if stretch.left is not None and stretch.right is not None]
    seconds = math.fsum(stretch.seconds for stretch in usable)
    if not usable or seconds == 0.0:
        return 0.0, 0.0, quality.BAD_NO_DATA
    area = math.fsum(0.5 * (stretch.left + stretch.right) * stretch.seconds for stretch in usable)  # type: ignore[operator]
    whole = len(usable) == len(stretches) and not any(stretch.uncertain for stretch in usable)
    return area, seconds, quality.GOOD if whole else quality.UNCERTAIN_DATA_SUB_NORMAL


def _time_average(interval: Interval) -> Aggregated:
    area, seconds, status = _integral(interval)
    return interval.result(area / seconds if seconds else None, status)


def _total(interval: Interval) -> Aggregated:
    area, _, status = _integral(interval)
    return interval.result(area, status)


def _interpolative(interval: Interval) -> Aggregated:
    return interval.result(*interpolated(interval.series, interval.start))


def _count(interval: Interval) -> Aggregated:
    usable = [value for value in interval.series.values[interval.first : interval.last] if value is not None]
    has_bad = len(usable) < interval.last - interval.first
    return interval.result(len(usable), quality.UNCERTAIN_DATA_SUB_NORMAL if has_bad else quality.GOOD)


def _edge(place: Callable[[Interval], int]) -> Callable[[Interval], Aggregated]:
    def run(interval: Interval) -> Aggregated:
        if interval.first == interval.last:
            return interval.result(None, quality.BAD_NO_DATA)
        index = place(interval)
        return interval.result(interval.series.values[index], interval.series.statuses[index])

    return run


def _duration_good(interval: Interval) -> Aggregated:
    """A Duration: milliseconds (OPC 10000-3 v1.05 §8.13)."""
    return interval.result(1000.0 * _good_seconds(interval), quality.GOOD)


def _percent_good(interval: Interval) -> Aggregated:
    whole = (interval.end - interval.start) / TICKS_PER_SECOND
    return interval.result(100.0 * _good_seconds(interval) / whole, quality.GOOD)


def _good_seconds(interval: Interval) -> float:
    series = interval.series
    cuts = [
        interval.start,
        *(t for t in series.times[interval.first : interval.last] if t > interval.start),
        interval.end,
    ]
    total = 0
    for left, right in itertools.pairwise(cuts):
        place = bisect_right(series.times, left) - 1
        if place >= 0 and quality.is_good(series.statuses[place]):
            total += right - left
    return total / TICKS_PER_SECOND


def _worst_quality(interval: Interval) -> Aggregated:
    statuses = interval.series.statuses[interval.first : interval.last]
    if not statuses:
        return interval.result(None, quality.BAD_NO_DATA)
    return interval.result(max(statuses, key=lambda status: status >> 30), quality.GOOD)


FUNCTIONS: dict[str, Callable[[Interval], Aggregated]] = {
    "Interpolative": _interpolative,
    "Average": _of_raw(lambda good: math.fsum(value for _, value in good) / len(good)),
    "TimeAverage": _time_average,
    "Total": _total,
    "Minimum": _of_raw(lambda good: min(value for _, value in good)),
    "Maximum": _of_raw(lambda good: max(value for _, value in good)),
    "Range": _of_raw(lambda good: max(value for _, value in good) - min(value for _, value in good)),
    "Count": _count,
    "Start": _edge(lambda interval: interval.first),
    "End": _edge(lambda interval: interval.last - 1),
    "Delta": _of_raw(lambda good: good[-1][1] - good[0][1]),
    "StandardDeviation": _of_raw(_deviation),
    "DurationGood": _duration_good,
    "PercentGood": _percent_good,
    "WorstQuality": _worst_quality,
}
"""By the names of OPC 10000-13."""
