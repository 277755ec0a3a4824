"""The value at each of some times, with its info bits: ReadAtTime of OPC 10000-11 v1.05 §6.5.5."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from plant import quality
from timeseries.aggregates.configuration import STANDARD, AggregateConfiguration
from timeseries.aggregates.intervals import Intervals, Places
from timeseries.aggregates.series import Series, Times, own_type
from timeseries.aggregates.window import NO_DATA, Results, Window


def at_times(
    times: Times,
    parts: Iterable[tuple[Places, Series]],
    *,
    simple: bool,
    configuration: AggregateConfiguration = STANDARD,
) -> Results:
    """Return the value at each time, in the signal's own type; each part is of some of the times, by their places.

    Where a sample stands that is not Bad it is the answer as it is; elsewhere bounding values are, simple or
    interpolated ones. A part has the samples around its times, and the nearest that are not bad.
    """
    values, statuses = np.full(len(times), None, object), np.full(len(times), NO_DATA)
    for places, series in parts:
        compared = series.ranked() if series.stepped else series
        found = _of_one(compared.from_first_data(), times[places], configuration, simple=simple)
        values[places], statuses[places] = found.values, found.statuses
    return Results(values, statuses, times)


def _of_one(series: Series, times: Times, configuration: AggregateConfiguration, *, simple: bool) -> Results:
    if not len(series.times):
        return Results(np.zeros(len(times)), np.full(len(times), NO_DATA))
    intervals = Intervals.between(int(times.min()), int(times.max()) + 1, 0)
    window = Window(replace(series, exact=None), intervals, configuration)
    segments = window.simple if simple else window.interpolated(stepped=series.stepped)
    bounds = segments.at(times)
    bits = np.where(bounds.raw | bounds.bad, 0, quality.INTERPOLATED).astype(np.uint32)
    place = np.maximum(np.searchsorted(series.times, times, side="right") - 1, 0)
    there: NDArray[np.bool_] = (series.times[place] == times) & (series.statuses[place] < quality.BAD)
    values = np.where(there, series.values[place], bounds.values)
    statuses = np.where(there, series.statuses[place], bounds.statuses | bits)
    own = own_type(values, statuses < quality.BAD, series.decode)
    if series.exact is not None:
        own[there] = series.exact[place[there]].tolist()
    return Results(own, statuses)
