"""A series seen through intervals: what every aggregate is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plant import quality
from timeseries.aggregates.configuration import AggregateConfiguration
from timeseries.aggregates.intervals import Chosen, Column, Intervals, Places
from timeseries.aggregates.pieces import Pieces
from timeseries.aggregates.segments import Segments
from timeseries.aggregates.series import Mask, Series, Statuses, Times

GOOD, UNCERTAIN, BAD, NO_DATA = (
    np.uint32(code) for code in (quality.GOOD, quality.UNCERTAIN_DATA_SUB_NORMAL, quality.BAD, quality.BAD_NO_DATA)
)


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """One value for each interval; columns of one length."""

    values: NDArray[Any]
    statuses: Statuses
    """With the bits that say where the value comes from; a Bad one has no value."""
    times: Times | None = None
    """Where that is not the start of the interval."""
    own_type: bool = False
    """True where a value is of the signal's own type; else numbers are as they are in `values`."""


class Window:
    """A series with at least one sample, and the intervals asked for."""

    def __init__(self, series: Series, intervals: Intervals, configuration: AggregateConfiguration) -> None:
        self.series, self.intervals, self.configuration = series, intervals, configuration
        self.first, self.last = intervals.places(series.times)

    @cached_property
    def severities(self) -> NDArray[np.uint32]:
        """0 Good, 1 Uncertain, 2 and 3 Bad, of each sample."""
        return self.series.statuses >> np.uint32(30)

    @cached_property
    def good(self) -> Chosen:
        """The Good samples."""
        return Chosen.where(self.severities == 0, self.first, self.last)

    @cached_property
    def bad(self) -> Chosen:
        """The Bad samples, with the Uncertain ones where these are treated so."""
        return Chosen.where(self._bad(self.severities), self.first, self.last)

    @cached_property
    def known(self) -> Chosen:
        """The samples that are not bad."""
        return Chosen.where(~self._bad(self.severities), self.first, self.last)

    @cached_property
    def counts(self) -> Places:
        """How many samples of any status each interval has."""
        return self.last - self.first

    @cached_property
    def simple(self) -> Segments:
        """What simple bounding values are made of."""
        covered, bad, uncertain = self._covered
        return self._recorded(Segments.simple(covered, bad, uncertain))

    @cached_property
    def pieces(self) -> Pieces:
        """The intervals cut into segments of simple bounding values."""
        return Pieces(self.simple, self.intervals)

    def interpolated(self, *, stepped: bool) -> Segments:
        """Return what interpolated bounding values are made of; without any segment where all samples are bad."""
        covered, bad, uncertain = self._covered
        if stepped:
            return self._recorded(Segments.held(covered, bad, uncertain))
        sloped = self.configuration.use_sloped_extrapolation and not self.series.stepped
        return self._recorded(Segments.joined(covered, bad, uncertain, sloped_extrapolation=sloped))

    @cached_property
    def _covered(self) -> tuple[Series, Mask, Mask]:
        covered = self.series.covered()
        severities = self.severities if covered is self.series else covered.statuses >> np.uint32(30)
        bad = self._bad(severities)
        return covered, bad, (severities == 1) & ~bad

    def _recorded(self, segments: Segments) -> Segments:
        """Return segments of which the one behind the time that is covered begins with no sample."""
        return replace(segments, raw=segments.raw & (segments.times <= self.series.times[-1]))

    def _bad(self, severities: NDArray[np.uint32]) -> Mask:
        bad: Mask = severities >= np.uint32(self.configuration.least_bad)
        return bad

    @property
    def end(self) -> int:
        """Up to where there is data."""
        return max(int(self.series.times[-1]), self.series.covered_to or 0)


def values_at(column: NDArray[Column], places: Places) -> NDArray[Column]:
    """Return what stands at some places, of no meaning where there is no such place."""
    return column[np.clip(places, 0, len(column) - 1)]
