"""Aggregates of intervals (OPC 10000-11 v1.05 §6.5.4, OPC 10000-13)."""

from __future__ import annotations

from collections.abc import Generator

from asyncua import ua

from opcua_server.historical_access.results import columns_of
from timeseries.aggregates import FUNCTIONS, Aggregate, Intervals
from timeseries.aggregating import in_steps
from timeseries.columns import Columns
from timeseries.kinds import kind_of
from timeseries.reading import History
from timeseries.signals import SignalInfo

AGGREGATES: dict[ua.NodeId, str] = {
    ua.NodeId(number): name
    for name in FUNCTIONS
    if (number := getattr(ua.ObjectIds, f"AggregateFunction_{name}", None)) is not None
}
"""NodeId of an AggregateFunction -> its name."""


def read(
    history: History, number: int, info: SignalInfo, intervals: Intervals, aggregate: Aggregate
) -> Generator[None, None, Columns]:
    """Return one result for each interval, after some steps between which others may have their turn."""
    found = yield from in_steps(history, number, info, intervals, aggregate)
    return columns_of(found.times, found.values, found.statuses, kind_of(aggregate.name, info))
