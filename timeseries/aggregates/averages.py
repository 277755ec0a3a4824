"""Interpolative, averages and totals (OPC 10000-13 v1.05 §5.4.3.4 to §5.4.3.9)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.aggregates.asked import Asked
from timeseries.aggregates.facts import Bound, Counts, Sum, Summed, Ticks
from timeseries.aggregates.pieces import Pieces
from timeseries.aggregates.series import Times, Values
from timeseries.aggregates.window import GOOD, NO_DATA, UNCERTAIN, Results, Window

_CALCULATED = np.uint32(quality.CALCULATED)


def good_sum(window: Window) -> Sum:
    """Return the sum of the Good values."""
    return Sum.of(window.good.of(window.series.values), window.good)


@dataclass(frozen=True, slots=True, eq=False)
class Areas(Summed):
    """Integrals over what is not bad, in unit times seconds, and how much of each interval that is, in ticks."""

    areas: Values
    ticks: Times
    certain: Times
    width: Times

    @classmethod
    def lines(cls, window: Window) -> Areas:
        """Return those under straight lines between what is not bad, also of a stepped signal."""
        return cls._under(window, stepped=False)

    @classmethod
    def held(cls, window: Window) -> Areas:
        """Return those under the steps of a stepped signal."""
        return cls._under(window, stepped=window.series.stepped)

    @classmethod
    def simple(cls, window: Window) -> Areas:
        """Return those between simple bounding values."""
        pieces, ticks = window.pieces, Ticks.known(window)
        return cls(pieces.area(), ticks.ticks, ticks.ticks, ticks.width)

    @classmethod
    def _under(cls, window: Window, *, stepped: bool) -> Areas:
        segments = window.interpolated(stepped=stepped)
        if not len(segments.times):
            nothing = np.zeros(len(window.first), np.int64)
            return cls(nothing.astype(np.float64), nothing, nothing, nothing)
        pieces = Pieces(segments, window.intervals)
        certain = pieces.ticks(~segments.bad & ~segments.uncertain)
        return cls(pieces.area(), pieces.ticks(~segments.bad), certain, pieces.width)


def start_of(window: Window) -> Bound:
    """Return the interpolated bounding value at the start of each interval."""
    segments = window.interpolated(stepped=window.series.stepped)
    return Bound.of(window, segments, is_late=window.intervals.backward)


def interpolative(asked: Asked, start: Bound) -> Results:
    """Return the interpolated bounding value at the start of each interval (§5.4.3.4)."""
    bits = np.where(start.raw | start.bad, 0, quality.INTERPOLATED).astype(np.uint32)
    return Results(start.values, start.statuses | bits, own_type=True)


def average(asked: Asked, counts: Counts, good_sum: Sum) -> Results:
    """Return the mean of the Good raw values (§5.4.3.5)."""
    statuses = counts.statuses(asked.configuration) | _CALCULATED
    return Results(good_sum.values / np.maximum(counts.good, 1), np.where(counts.good > 0, statuses, NO_DATA))


def time_average(asked: Asked, areas: Areas) -> Results:
    """Return the mean over time of what is not bad; Uncertain where not all of it is certain (§5.4.3.6)."""
    results = total(asked, areas)
    return Results(results.values / _seconds(areas.ticks), results.statuses)


def total(asked: Asked, areas: Areas) -> Results:
    """Return TimeAverage times the seconds that it was computed of (§5.4.3.8)."""
    statuses = np.where(areas.certain == areas.width, GOOD, UNCERTAIN) | _CALCULATED
    return Results(areas.areas, np.where(areas.ticks > 0, statuses, NO_DATA))


def time_average2(asked: Asked, areas: Areas, sufficient: Ticks) -> Results:
    """Return the mean over the time whose data is not bad, sloped or stepped as the signal is (§5.4.3.7)."""
    results = total2(asked, areas, sufficient)
    return Results(results.values / _seconds(areas.ticks), results.statuses)


def total2(asked: Asked, areas: Areas, sufficient: Ticks) -> Results:
    """Return TimeAverage2 times the seconds that it was computed of (§5.4.3.9)."""
    statuses = sufficient.statuses(asked.configuration) | _CALCULATED
    return Results(areas.areas, np.where(areas.ticks > 0, statuses, NO_DATA))


def _seconds(ticks: Times) -> Values:
    """Return seconds, never 0: what has none has no data."""
    return np.maximum(ticks, 1) / TICKS_PER_SECOND
