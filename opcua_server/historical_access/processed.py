"""Aggregates of intervals (OPC 10000-11 v1.05 §6.5.4, OPC 10000-13)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from asyncua import ua

from opcua_server.historical_access.results import columns_of
from timeseries.aggregates import FUNCTIONS, AggregateConfiguration, aggregate
from timeseries.columns import Columns
from timeseries.kinds import kind_of
from timeseries.reading import History
from timeseries.signals import SignalInfo
from timeseries.spans import around

AT_ONCE = 500_000
"""Samples that a page is made of: a few hundredths of a second."""
AGGREGATES: dict[ua.NodeId, str] = {
    ua.NodeId(number): name
    for name in FUNCTIONS
    if (number := getattr(ua.ObjectIds, f"AggregateFunction_{name}", None)) is not None
}
"""NodeId of an AggregateFunction -> its name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A span of intervals, ticks; the end may be before the start, and an interval of 0 makes one of all."""

    start: int
    end: int
    interval: int

    def behind(self, done: int) -> Asked:
        """Return what is left when so many intervals are answered."""
        step = self.interval * done
        return Asked(self.start + (step if self.end > self.start else -step), self.end, self.interval)

    def first(self, count: int) -> Asked:
        """Return the first intervals, all where there are not so many."""
        span = abs(self.end - self.start)
        if not self.interval or self.interval * count >= span:
            return self
        step = self.interval * count
        return Asked(self.start, self.start + (step if self.end > self.start else -step), self.interval)


def _short(history: History, number: int, page: Asked, least: int) -> Asked:
    """Return a page with about `AT_ONCE` samples at most, and so many intervals at least: others wait for it."""
    low, high = min(page.start, page.end), max(page.start, page.end)
    cuts = history.cuts(number, low, high, AT_ONCE) if page.interval else []
    if not cuts:
        return page
    reach = cuts[0] - page.start if page.start < page.end else page.start - cuts[-1]
    return page.first(max(least, reach // page.interval))


def read(
    history: History,
    number: int,
    info: SignalInfo,
    asked: Asked,
    done: int,
    most: int,
    name: str,
    configuration: AggregateConfiguration,
) -> Columns:
    """Return one result for each interval behind so many, at most so many of what was asked.

    Raises:
        ValueError: naming an interval that is not allowed.
    """
    again = min(done, 1)
    """Alone, an interval that is what is left over would not be known as that."""
    page = _short(history, number, asked.behind(done - again).first(most + again), 1 + again)
    series = around(history, number, info, page.start, page.end, configuration)
    rows = aggregate(series, page.start, page.end, page.interval, name, configuration)[again:]
    return columns_of(
        np.array([row.time for row in rows], np.int64),
        np.array([row.value for row in rows], object),
        np.array([row.status for row in rows], np.uint32),
        kind_of(name, info),
    )
