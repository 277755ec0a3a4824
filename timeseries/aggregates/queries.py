"""Aggregates as queries by command and HTTP show them, alike from every source."""

from __future__ import annotations

from dataclasses import replace

from timeseries.aggregates.configuration import STANDARD, AggregateConfiguration
from timeseries.aggregates.functions import ACTUAL_TIME, Aggregates, aggregates
from timeseries.aggregates.series import Series


def query(
    series: Series,
    start: int,
    end: int,
    interval: int,
    function: str,
    configuration: AggregateConfiguration = STANDARD,
) -> Aggregates:
    """Return `aggregates`, each result at the start of its interval.

    Two things differ from the standard: TimeAverage and Total hold what is set, and Start and End stand at the start of
    the interval, too; only the aggregates whose result is a time keep it.

    Raises:
        ValueError: naming the function or the interval and what is allowed.
    """
    results = aggregates(series, start, end, interval, function, configuration, hold=True)
    return results if function in ACTUAL_TIME else replace(results, times=results.starts)
