"""Aggregates over the samples of one signal (OPC 10000-13 v1.05), pure, by columns.

`aggregates` cuts a span into intervals and returns one result for each; `FUNCTIONS` has them by their standard names.
Where the text and the part's examples differ, `tests/timeseries/test_annex_a.py` says which is followed, and why.
"""

from timeseries.aggregates.at_times import at_times
from timeseries.aggregates.computing import Aggregate, Processed, aggregates
from timeseries.aggregates.configuration import STANDARD, AggregateConfiguration
from timeseries.aggregates.functions import ACTUAL_TIME, FUNCTIONS, OF_TEXT, refuse_unknown
from timeseries.aggregates.intervals import MOST_INTERVALS, Intervals, ticks_of_interval
from timeseries.aggregates.long import Long
from timeseries.aggregates.series import Series, is_no_data
from timeseries.aggregates.window import Results

__all__ = [
    "ACTUAL_TIME",
    "FUNCTIONS",
    "MOST_INTERVALS",
    "OF_TEXT",
    "STANDARD",
    "Aggregate",
    "AggregateConfiguration",
    "Intervals",
    "Long",
    "Processed",
    "Results",
    "Series",
    "aggregates",
    "at_times",
    "is_no_data",
    "refuse_unknown",
    "ticks_of_interval",
]
