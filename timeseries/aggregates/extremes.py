"""Minimum, Maximum and their kin (OPC 10000-13 v1.05 §5.4.3.10 to §5.4.3.19)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plant import quality
from timeseries.aggregates.asked import Asked
from timeseries.aggregates.facts import Bound, Counts, Facts, Ticks
from timeseries.aggregates.intervals import Chosen, Places, over
from timeseries.aggregates.segments import RESOLUTION
from timeseries.aggregates.series import Decode, Mask, Times, Values, own_type
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


@dataclass(frozen=True, slots=True, eq=False)
class Found(Facts):
    """The extremes of some of the samples."""

    values: NDArray[Any]
    """`none` of the extreme where there are no such samples."""
    times: Times
    """When it is met first."""
    counts: Places
    """How often it is met."""
    there: Mask
    extreme: Extreme

    @classmethod
    def of(cls, window: Window, chosen: Chosen, extreme: Extreme) -> Found:
        """Find them."""
        values = extreme.of(window.series.values, chosen)
        places, counts = _equal(window.series.values, values, chosen)
        return cls(values, window.series.times[places], counts, chosen.counts > 0, extreme)

    def whole(self) -> Found:
        if not self.there.any():
            return self.row(0)
        values = self.extreme.ufunc.reduce(self.values[self.there], keepdims=True)
        same = self.there & np.equal(self.values, values).astype(np.bool_)
        first, counts = self.row(int(np.argmax(same))), self.counts[same].sum(keepdims=True)
        return replace(first, values=values, counts=counts, there=np.ones(1, np.bool_))

    def decoded(self, decode: Decode) -> Found:
        return replace(self, values=own_type(self.values, self.there, decode, self.extreme.none))


def of_good(extreme: Extreme) -> Callable[[Window], Found]:
    """Return what finds the extremes of the Good samples."""
    return lambda window: Found.of(window, window.good, extreme)


def of_known(extreme: Extreme) -> Callable[[Window], Found]:
    """Return what finds the extremes of the samples that are not bad."""
    return lambda window: Found.of(window, window.known, extreme)


def of_uncertain(extreme: Extreme) -> Callable[[Window], Found]:
    """Return what finds the extremes of the Uncertain samples."""

    def find(window: Window) -> Found:
        return Found.of(window, Chosen.where(window.severities == 1, window.first, window.last), extreme)

    return find


def raw_extreme(asked: Asked, counts: Counts, found: Found, uncertain: Found, *, actual_time: bool) -> Results:
    """Return the extreme of the Good raw values; Uncertain with bad ones, or uncertain beyond (§5.4.3.10 to .13)."""
    starts, certain = asked.intervals.starts, _certain(counts, found, uncertain)
    is_raw = certain & (found.times == starts) | actual_time
    bits = np.where(is_raw, _RAW, _CALCULATED)
    statuses = np.where(certain, GOOD, UNCERTAIN) | bits | np.where(found.counts > 1, _MULTIPLE, _RAW)
    stamps = np.where(found.there, found.times, starts) if actual_time else None
    return Results(found.values, np.where(found.there, statuses, NO_DATA), stamps, own_type=True)


def raw_range(
    asked: Asked, counts: Counts, low: Found, high: Found, uncertain_low: Found, uncertain_high: Found
) -> Results:
    """Return the difference of the extremes of the Good raw values (§5.4.3.14)."""
    certain = _certain(counts, low, uncertain_low) & _certain(counts, high, uncertain_high)
    statuses = np.where(certain, GOOD, UNCERTAIN) | _CALCULATED
    values = np.where(high.there, high.values, 0.0) - np.where(low.there, low.values, 0.0)
    return Results(values, np.where(low.there, statuses, NO_DATA))


def bounded_extreme(
    asked: Asked, found: Found, early: Bound, late: Bound, sufficient: Ticks, *, actual_time: bool
) -> Results:
    """Return the extreme of values that are not bad, bounds among them, of a sloped signal both (§5.4.3.15 to .18)."""
    intervals, backward, ends = asked.intervals, asked.intervals.backward, _Ends.of(asked, early, late)
    values = ends.extreme(found)
    raws = np.where(found.values == values, found.counts, 0)
    is_early, is_late = ends.has_early & (early.values == values), ends.has_late & (late.values == values)
    is_raw, count = ~is_early & (raws > 0), raws + is_early + is_late
    if actual_time:
        bits = np.where(is_raw, _RAW, _INTERPOLATED)
    else:
        of_raw = np.where(found.times == intervals.starts, _RAW, _CALCULATED)
        of_bound = np.where(np.where(is_early, early.raw, late.raw), _CALCULATED, _INTERPOLATED)
        bits = np.where(is_raw, of_raw, of_bound)
    statuses = sufficient.statuses(asked.configuration) | bits | np.where(count > 1, _MULTIPLE, _RAW)
    some = count > 0
    stamps = None
    if actual_time:
        just_after, just_before = intervals.low + RESOLUTION * backward, intervals.high - RESOLUTION * (not backward)
        stamps = np.where(is_early, just_after, np.where(is_raw, found.times, just_before))
        stamps = np.where(some, np.clip(stamps, intervals.low, intervals.high), intervals.starts)
    return Results(values, np.where(some, statuses, NO_DATA), stamps, own_type=True)


def bounded_range(asked: Asked, low: Found, high: Found, early: Bound, late: Bound, sufficient: Ticks) -> Results:
    """Return Maximum2 less Minimum2 (§5.4.3.19)."""
    ends = _Ends.of(asked, early, late)
    lowest, highest = ends.extreme(low), ends.extreme(high)
    statuses, some = sufficient.statuses(asked.configuration), lowest <= highest
    values = np.where(some, highest, 0.0) - np.where(some, lowest, 0.0)
    return Results(values, np.where(some & (statuses != BAD), statuses | _CALCULATED, NO_DATA))


@dataclass(frozen=True, slots=True, eq=False)
class _Ends:
    """The bounds of intervals, where they count and are no sample of them."""

    early: Bound
    late: Bound
    has_early: Mask
    has_late: Mask

    @classmethod
    def of(cls, asked: Asked, early: Bound, late: Bound) -> _Ends:
        """Return them: a stepped signal's value at the high end is not one that it had before."""
        backward = asked.intervals.backward
        has_late = ~late.bad & ~(backward & late.raw) & (not asked.stepped)
        return cls(early, late, ~early.bad & (backward | ~early.raw), has_late)

    def extreme(self, found: Found) -> NDArray[Any]:
        """Return the extremes of samples that are not bad and of these."""
        values = found.values
        for bound, there in ((self.early, self.has_early), (self.late, self.has_late)):
            values = np.where(there, found.extreme.ufunc(values, bound.values), values)
        return values


def _certain(counts: Counts, found: Found, uncertain: Found) -> Mask:
    beyond = found.extreme.ufunc(found.values, uncertain.values)
    certain: Mask = (counts.bad == 0) & (beyond == found.values)
    return certain


def _equal(column: Values, values: Values, chosen: Chosen) -> tuple[Places, Places]:
    """Return the place of the first of the chosen samples that has an interval's value, and how many have it."""
    first, last = chosen.first[0], chosen.last[-1]
    same = chosen.of(column)[first:last] == np.repeat(values, chosen.counts)
    found = Chosen.where(same, chosen.first - first, chosen.last - first)
    if not found.places.size:
        return np.zeros_like(found.first), found.counts
    return chosen.places[found.earliest() + first], found.counts
