"""Aggregates as queries by command and HTTP show them, alike from every source."""

from __future__ import annotations

from dataclasses import replace

from timeseries.aggregates.configuration import STANDARD
from timeseries.aggregates.functions import ACTUAL_TIME, Aggregates, aggregates
from timeseries.aggregates.series import Series


def query(series: Series, start: int, end: int, interval: int, function: str) -> Aggregates:
    """Return `aggregates` by the standard's default configuration, each result at the start of its interval.

    Two things differ from the standard: TimeAverage and Total hold what is set, and Start and End stand at the start of
    the interval, too; only the aggregates whose result is a time keep it.

    Raises:
        ValueError: naming the function or the interval and what is allowed.
    """
    results = aggregates(series, start, end, interval, function, STANDARD, hold=True)
    return results if function in ACTUAL_TIME else replace(results, times=results.starts)


def further(series: Series, start: int, end: int, interval: int) -> int:
    """Return how many ticks beyond the span to look as well; 0 where a Good sample stands on either side.

    A processing interval is the least to search for what interpolates over bad data (OPC 10000-13 v1.05 §3.1.8).
    """
    if not len(series.times) or not (series.statuses[0] >> 30 or series.statuses[-1] >> 30):
        return 0
    span = abs(end - start)
    return min(interval, span) if interval > 0 else span
