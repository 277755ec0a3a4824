"""Durations and percentages of good and bad data, and the worst quality (OPC 10000-13 v1.05 §5.4.3.31 to §5.4.3.36)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plant import quality
from timeseries.aggregates.asked import Asked
from timeseries.aggregates.counts import TICKS_PER_MILLISECOND
from timeseries.aggregates.facts import Bound, Facts, Ticks
from timeseries.aggregates.intervals import Chosen, Places, over
from timeseries.aggregates.series import Mask, Statuses
from timeseries.aggregates.window import GOOD, NO_DATA, Results, Window, values_at

_CALCULATED, _MULTIPLE = np.uint32(quality.CALCULATED), np.uint32(quality.MULTIPLE_VALUES)


@dataclass(frozen=True, slots=True, eq=False)
class Worst(Facts):
    """The first of the worst StatusCodes of the samples."""

    codes: Statuses
    counts: Places
    """How many are as bad."""
    there: Mask

    @classmethod
    def of(cls, window: Window) -> Worst:
        """Find them."""
        severities, first, last = window.severities, window.first, window.last
        worst = over(np.maximum, severities, first, last, 0)
        same = severities[first[0] : last[-1]] == np.repeat(worst, window.counts)
        found = Chosen.where(same, first - first[0], last - first[0])
        codes = values_at(window.series.statuses, found.earliest() + first[0])
        return cls(codes, found.counts, window.counts > 0)

    @property
    def severities(self) -> NDArray[np.int64]:
        """0 Good, 1 Uncertain, 2 and 3 Bad, -1 of none."""
        return np.where(self.there, self.codes >> np.uint32(30), np.int64(-1))

    @property
    def many(self) -> Mask:
        """Where there are several that are not Good."""
        many: Mask = (self.counts > 1) & (self.severities > 0)
        return many

    def whole(self) -> Worst:
        severities = self.severities
        same = severities == severities.max()
        return replace(self.row(int(np.argmax(same))), counts=self.counts[same].sum(keepdims=True))


def regions(window: Window, *, good: bool) -> Ticks:
    """Return how much of each interval is in regions that begin with a Good sample, or with a bad one."""
    simple, pieces = window.simple, window.pieces
    if good:
        return Ticks(pieces.ticks(simple.good, ~simple.bad & ~simple.uncertain), pieces.width)
    # Before the first sample there is nothing, which is bad too.
    known = Ticks.known(window)
    return Ticks(known.width - known.ticks, known.width)


def as_it_is(window: Window) -> Window:
    """Return a window in which what is uncertain is not treated as bad."""
    configuration = replace(window.configuration, treat_uncertain_as_bad=False)
    return Window(window.series, window.intervals, configuration)


def duration(asked: Asked, regions: Ticks) -> Results:
    """Return the milliseconds of such regions (§5.4.3.31, .32)."""
    return _always(regions.ticks / TICKS_PER_MILLISECOND)


def percentage(asked: Asked, regions: Ticks) -> Results:
    """Return that duration in percent of the interval, as far as there is data (§5.4.3.33, .34)."""
    return _always(100.0 * regions.ticks / np.maximum(regions.width, 1))


def worst_quality(asked: Asked, worst: Worst) -> Results:
    """Return the first of the worst StatusCodes of the raw values (§5.4.3.35)."""
    statuses = np.where(worst.there, np.where(worst.many, _MULTIPLE, GOOD) | _CALCULATED, NO_DATA)
    return Results(worst.codes.astype(np.int64), statuses)


def worst_quality2(asked: Asked, raw: Worst, early: Bound, late: Bound) -> Results:
    """Return the first of the worst StatusCodes of bounds and raw values; uncertain is never bad (§5.4.3.36)."""
    backward = asked.intervals.backward
    codes = np.stack([early.statuses, raw.codes, late.statuses])
    there = np.stack([backward | ~early.stands, raw.there, ~(backward & late.stands)])
    severities = np.where(there, (codes >> np.uint32(30)).astype(np.int64), -1)
    worst = severities.max(axis=0)
    is_worst = severities == worst
    first = codes[is_worst.argmax(axis=0), np.arange(codes.shape[1])]
    many = ((is_worst.sum(axis=0) > 1) | (is_worst[1] & raw.many)) & (worst > 0)
    return _always(first.astype(np.int64), np.where(many, _MULTIPLE, GOOD))


def _always(values: NDArray[Any], bits: Statuses | np.uint32 = GOOD) -> Results:
    return Results(values, np.broadcast_to(_CALCULATED | bits, values.shape).astype(np.uint32))
