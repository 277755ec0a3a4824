"""Durations and percentages of good and bad data, and the worst quality (OPC 10000-13 v1.05 §5.4.3.31 to §5.4.3.36)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plant import quality
from timeseries.aggregates.counts import TICKS_PER_MILLISECOND
from timeseries.aggregates.intervals import Chosen, over
from timeseries.aggregates.series import Mask, Statuses, Times
from timeseries.aggregates.window import GOOD, NO_DATA, Results, Window, values_at

_CALCULATED, _MULTIPLE = np.uint32(quality.CALCULATED), np.uint32(quality.MULTIPLE_VALUES)


def duration(window: Window, *, good: bool) -> Results:
    """Return the milliseconds in regions that begin with a Good sample, or with a bad one (§5.4.3.31, .32)."""
    return _always(_ticks(window, good=good) / TICKS_PER_MILLISECOND)


def percentage(window: Window, *, good: bool) -> Results:
    """Return that duration in percent of the interval, as far as there is data (§5.4.3.33, .34)."""
    return _always(100.0 * _ticks(window, good=good) / np.maximum(window.pieces.width, 1))


def worst_quality(window: Window) -> Results:
    """Return the first of the worst StatusCodes of the raw values (§5.4.3.35)."""
    worst = over(np.maximum, window.severities, window.first, window.last, 0)
    same = window.severities[window.first[0] : window.last[-1]] == np.repeat(worst, window.counts)
    found = Chosen.where(same, window.first - window.first[0], window.last - window.first[0])
    codes = values_at(window.series.statuses, found.earliest() + window.first[0])
    many = (found.counts > 1) & (worst > 0)
    statuses = np.where(window.counts > 0, np.where(many, _MULTIPLE, GOOD) | _CALCULATED, NO_DATA)
    return Results(codes.astype(np.int64), statuses)


def worst_quality2(window: Window) -> Results:
    """Return the first of the worst StatusCodes of bounds and raw values; uncertain is never bad (§5.4.3.36)."""
    configuration = replace(window.configuration, treat_uncertain_as_bad=False)
    plain = Window(window.series, window.intervals, configuration)
    raw = worst_quality(plain)
    backward, intervals = plain.intervals.backward, plain.intervals
    early, late = plain.simple.at(intervals.low), plain.simple.at(intervals.high)
    codes = np.stack([early.statuses, raw.values.astype(np.uint32), late.statuses])
    in_low, in_high = (_stands(plain.series.times, edge) for edge in (intervals.low, intervals.high))
    there = np.stack([backward | ~in_low, plain.counts > 0, ~(backward & in_high)])
    severities = np.where(there, (codes >> np.uint32(30)).astype(np.int64), -1)
    worst = severities.max(axis=0)
    is_worst = severities == worst
    first = codes[is_worst.argmax(axis=0), np.arange(codes.shape[1])]
    many_raw = is_worst[1] & ((raw.statuses & _MULTIPLE) == _MULTIPLE)
    many = ((is_worst.sum(axis=0) > 1) | many_raw) & (worst > 0)
    return _always(first.astype(np.int64), np.where(many, _MULTIPLE, GOOD))


def _stands(times: Times, at: Times) -> Mask:
    """Tell where a sample stands at a time."""
    found: Mask = values_at(times, np.searchsorted(times, at)) == at
    return found


def _ticks(window: Window, *, good: bool) -> Times:
    simple = window.simple
    if good:
        return window.pieces.ticks(simple.good, ~simple.bad & ~simple.uncertain)
    # Before the first sample there is nothing, which is bad too.
    return np.asarray(window.pieces.width - window.pieces.ticks(~simple.bad))


def _always(values: NDArray[Any], bits: Statuses | np.uint32 = GOOD) -> Results:
    return Results(values, np.broadcast_to(_CALCULATED | bits, values.shape).astype(np.uint32))
