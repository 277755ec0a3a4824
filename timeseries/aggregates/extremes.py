"""Minimum, Maximum and their kin (OPC 10000-13 v1.05 §5.4.3.10 to §5.4.3.19)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plant import quality
from timeseries.aggregates.intervals import Chosen, Places, over
from timeseries.aggregates.segments import RESOLUTION, Bounds
from timeseries.aggregates.series import Mask, Values
from timeseries.aggregates.window import BAD, GOOD, NO_DATA, UNCERTAIN, Results, Window

_CALCULATED, _INTERPOLATED = np.uint32(quality.CALCULATED), np.uint32(quality.INTERPOLATED)
_RAW, _MULTIPLE = np.uint32(quality.GOOD), np.uint32(quality.MULTIPLE_VALUES)


@dataclass(frozen=True, slots=True)
class Extreme:
    """One of the two ends of a range."""

    ufunc: np.ufunc
    none: float
    """What any value goes beyond."""

    def of(self, values: Values, chosen: Chosen) -> Values:
        """Return the extreme of the chosen samples in each interval."""
        return over(self.ufunc, chosen.of(values), chosen.first, chosen.last, self.none)


LOWEST, HIGHEST = Extreme(np.minimum, np.inf), Extreme(np.maximum, -np.inf)


def raw_extreme(window: Window, extreme: Extreme, *, actual_time: bool) -> Results:
    """Return the extreme of the Good raw values; Uncertain with bad ones, or uncertain beyond (§5.4.3.10 to .13)."""
    good = window.good
    values = extreme.of(window.series.values, good)
    where, count = _equal(window.series.values, values, good)
    certain = _certain(window, extreme, values)
    times = window.series.times[where]
    if actual_time:
        bits = np.full(len(values), _RAW)
    else:
        bits = np.where((times == window.intervals.starts) & certain, _RAW, _CALCULATED)
    statuses = np.where(certain, GOOD, UNCERTAIN) | bits | np.where(count > 1, _MULTIPLE, _RAW)
    some = good.counts > 0
    stamps = np.where(some, times, window.intervals.starts) if actual_time else None
    return Results(values, np.where(some, statuses, NO_DATA), stamps, own_type=True)


def raw_range(window: Window) -> Results:
    """Return the difference of the extremes of the Good raw values (§5.4.3.14)."""
    low, high = (extreme.of(window.series.values, window.good) for extreme in (LOWEST, HIGHEST))
    certain = _certain(window, LOWEST, low) & _certain(window, HIGHEST, high)
    some = window.good.counts > 0
    statuses = np.where(certain, GOOD, UNCERTAIN) | _CALCULATED
    return Results(np.where(some, high, 0.0) - np.where(some, low, 0.0), np.where(some, statuses, NO_DATA))


def bounded_extreme(window: Window, extreme: Extreme, *, actual_time: bool) -> Results:
    """Return the extreme of values that are not bad, bounds among them, of a sloped signal both (§5.4.3.15 to .18)."""
    series, intervals, backward = window.series, window.intervals, window.intervals.backward
    ends = Ends.of(window)
    values = ends.extreme(window, extreme)
    where, raws = _equal(series.values, values, window.known)
    is_early, is_late = ends.has_early & (ends.early.values == values), ends.has_late & (ends.late.values == values)
    is_raw, count = ~is_early & (raws > 0), raws + is_early + is_late
    if actual_time:
        bits = np.where(is_raw, _RAW, _INTERPOLATED)
    else:
        of_raw = np.where(series.times[where] == intervals.starts, _RAW, _CALCULATED)
        of_bound = np.where(np.where(is_early, ends.early.raw, ends.late.raw), _CALCULATED, _INTERPOLATED)
        bits = np.where(is_raw, of_raw, of_bound)
    statuses = window.status_by_time() | bits | np.where(count > 1, _MULTIPLE, _RAW)
    some = count > 0
    stamps = None
    if actual_time:
        just_after, just_before = intervals.low + RESOLUTION * backward, intervals.high - RESOLUTION * (not backward)
        stamps = np.where(is_early, just_after, np.where(is_raw, series.times[where], just_before))
        stamps = np.where(some, np.clip(stamps, intervals.low, intervals.high), intervals.starts)
    return Results(values, np.where(some, statuses, NO_DATA), stamps, own_type=True)


def bounded_range(window: Window) -> Results:
    """Return Maximum2 less Minimum2 (§5.4.3.19)."""
    ends = Ends.of(window)
    low, high = (ends.extreme(window, extreme) for extreme in (LOWEST, HIGHEST))
    statuses, some = window.status_by_time(), low <= high
    values = np.where(some, high, 0.0) - np.where(some, low, 0.0)
    return Results(values, np.where(some & (statuses != BAD), statuses | _CALCULATED, NO_DATA))


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """The simple bounding values at the low and high ends of intervals, where they count and are no sample of them."""

    early: Bounds
    late: Bounds
    has_early: Mask
    has_late: Mask

    @classmethod
    def of(cls, window: Window) -> Ends:
        """Return them: a stepped signal's value at the high end is not one that it had before."""
        intervals, backward = window.intervals, window.intervals.backward
        early, late = window.simple.at(intervals.low), window.simple.at(intervals.high)
        has_early = ~early.bad & (backward | ~early.raw)
        return cls(early, late, has_early, ~late.bad & ~(backward & late.raw) & (not window.series.stepped))

    def extreme(self, window: Window, extreme: Extreme) -> Values:
        """Return the extremes of samples that are not bad and of these."""
        values = extreme.of(window.series.values, window.known)
        for bounds, there in ((self.early, self.has_early), (self.late, self.has_late)):
            values = np.where(there, extreme.ufunc(values, bounds.values), values)
        return values


def _certain(window: Window, extreme: Extreme, values: Values) -> Mask:
    uncertain = Chosen.where(window.severities == 1, window.first, window.last)
    beyond = extreme.of(window.series.values, uncertain)
    certain: Mask = (window.bad.counts == 0) & (extreme.ufunc(values, beyond) == values)
    return certain


def _equal(column: Values, values: Values, chosen: Chosen) -> tuple[Places, Places]:
    """Return the place of the first of the chosen samples that has an interval's value, and how many have it."""
    first, last = chosen.first[0], chosen.last[-1]
    same = chosen.of(column)[first:last] == np.repeat(values, chosen.counts)
    found = Chosen.where(same, chosen.first - first, chosen.last - first)
    if not found.places.size:
        return np.zeros_like(found.first), found.counts
    return chosen.places[found.earliest() + first], found.counts
