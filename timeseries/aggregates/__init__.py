"""Aggregates over the samples of one signal (OPC 10000-13 v1.05), pure, by columns.

`aggregate` cuts a span into intervals and returns one result for each; `FUNCTIONS` has them by their standard names.
Where the text and the part's examples differ, `tests/timeseries/test_annex_a.py` says which is followed, and why.
"""

from timeseries.aggregates.at_times import at_times
from timeseries.aggregates.configuration import AggregateConfiguration
from timeseries.aggregates.functions import ACTUAL_TIME, FUNCTIONS, Aggregated, Aggregates, aggregate
from timeseries.aggregates.intervals import MOST_INTERVALS
from timeseries.aggregates.queries import further, query
from timeseries.aggregates.series import Series, interpolated

__all__ = [
    "ACTUAL_TIME",
    "FUNCTIONS",
    "MOST_INTERVALS",
    "AggregateConfiguration",
    "Aggregated",
    "Aggregates",
    "Series",
    "aggregate",
    "at_times",
    "further",
    "interpolated",
    "query",
]
