"""What lies between neighbouring samples: a line, a held value, or nothing; bounding values come from it.

Simple and interpolated bounding values (OPC 10000-13 v1.05 §3.1.8, §3.1.9) differ in how a bad sample ends what came
before it; each is a way to make `Segments`, and all that is weighed by time is computed from those alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.aggregates.intervals import Places
from timeseries.aggregates.series import Mask, Series, Statuses, Times, Values

RESOLUTION = TICKS_PER_SECOND // 1000
"""How long the last sample is taken to last, and how far before its end an interval effectively ends (§5.4.2.4)."""

_FOREVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """The values at some times."""

    values: Values
    statuses: Statuses
    """BadNoData where there is none; a raw value's own."""
    raw: Mask
    """True where a sample stands at the time."""

    @property
    def bad(self) -> Mask:
        """Where there is none."""
        return np.equal(self.statuses, quality.BAD_NO_DATA)


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Segment k begins at `times[k]` with `values[k]` and ends where the next begins; columns of one length."""

    times: Times
    values: Values
    statuses: Statuses
    """Of the sample that it begins with."""
    bad: Mask
    """Nothing is known in it."""
    uncertain: Mask
    """A region of uncertain data (§5.4.3.2.2); never where it is bad."""
    lines: Mask
    """True: straight to the next value; False: held."""
    raw: Mask
    """Its value is a sample's at its own time."""
    end: int
    """Where the last one ends."""
    last_slope: float = 0.0
    """Of the last one, per tick."""

    @classmethod
    def simple(cls, series: Series, bad: Mask, uncertain: Mask) -> Segments:
        """Return those that simple bounding values see: a bad sample is a value like any other."""
        count = len(series.times)
        regions, lines = uncertain.copy(), np.zeros(count, np.bool_)
        if not series.stepped:
            spoilt = bad | uncertain
            regions[:-1] |= spoilt[1:]
            regions[-1] = True
            regions &= ~bad
            lines[:-1] = ~(bad[:-1] | bad[1:])
        end = int(series.times[-1]) + RESOLUTION
        return cls(series.times, series.values, series.statuses, bad, regions, lines, _all(count), end)

    @classmethod
    def joined(cls, series: Series, bad: Mask, uncertain: Mask, *, sloped_extrapolation: bool) -> Segments:
        """Return those of interpolated bounding values: lines between the values that are not bad, and on behind."""
        times, values, statuses, certain = series.times, series.values, series.statuses, ~uncertain
        skipped: Mask | bool = False
        if bad.any():
            places = np.flatnonzero(~bad)
            times, values, statuses = times[places], values[places], statuses[places]
            certain = certain[places]
            skipped = np.diff(places) > 1
        count = len(times)
        regions = ~certain
        regions[:-1] |= ~certain[1:] | skipped
        regions[-1:] = True
        lines = np.ones(count, np.bool_)
        lines[-1:] = False
        slope = 0.0
        if sloped_extrapolation and count > 1:
            slope = float((values[-1] - values[-2]) / (times[-1] - times[-2]))
        return cls(times, values, statuses, np.zeros(count, np.bool_), regions, lines, _all(count), _FOREVER, slope)

    @classmethod
    def held(cls, series: Series, bad: Mask, uncertain: Mask) -> Segments:
        """Return those of stepped interpolated bounding values: the last value that is not bad holds, also behind."""
        latest = np.maximum.accumulate(np.where(bad, -1, np.arange(len(bad))))
        unknown = latest < 0
        regions = (bad | uncertain) & ~unknown
        regions[-1] = not unknown[-1]
        lines = np.zeros(len(bad), np.bool_)
        return cls(series.times, series.values[latest], series.statuses, unknown, regions, lines, ~bad, _FOREVER)

    @property
    def good(self) -> Mask:
        """Those that begin with a Good sample."""
        good: Mask = (self.statuses >> np.uint32(30)) == 0
        return good

    def at(self, times: Times) -> Bounds:
        """Return the bounding values at some times."""
        if not len(self.times):
            return Bounds(*_nothing(times.shape))
        found = np.searchsorted(self.times, times, side="right") - 1
        place = np.maximum(found, 0)
        raw = (found >= 0) & (self.times[place] == times) & self.raw[place]
        beyond = (place == len(self.times) - 1) & ~raw & (self.end != _FOREVER)
        bad = (found < 0) | self.bad[place] | beyond
        statuses = np.where(self.uncertain[place], quality.UNCERTAIN_DATA_SUB_NORMAL, quality.GOOD).astype(np.uint32)
        statuses[raw] = self.statuses[place][raw]
        statuses[bad] = quality.BAD_NO_DATA
        return Bounds(self.value(place, times), statuses, raw & ~bad)

    def ends(self, place: Places) -> Times:
        """Return where segments end."""
        return np.where(place + 1 < len(self.times), self.times[np.minimum(place + 1, len(self.times) - 1)], self.end)

    def value(self, place: Places, times: Times) -> Values:
        """Return the values of segments at times within them; of no meaning where they are bad."""
        following = np.minimum(place + 1, len(self.times) - 1)
        since = (times - self.times[place]).astype(np.float64)
        length = np.maximum(self.times[following] - self.times[place], 1)
        rise = np.where(self.lines[place], self.values[following] - self.values[place], 0.0)
        slope = np.where(place == len(self.times) - 1, self.last_slope, 0.0)
        with np.errstate(invalid="ignore"):
            return np.asarray(self.values[place] + rise * (since / length) + slope * since)


def _all(count: int) -> Mask:
    return np.ones(count, np.bool_)


def _nothing(shape: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return np.zeros(shape), np.full(shape, quality.BAD_NO_DATA, np.uint32), np.zeros(shape, np.bool_)
