"""The AggregateFunctions that the server has (OPC 10000-13)."""

from __future__ import annotations

from asyncua import ua

from timeseries.aggregates import FUNCTIONS

AGGREGATES: dict[ua.NodeId, str] = {
    ua.NodeId(number): name
    for name in FUNCTIONS
    if (number := getattr(ua.ObjectIds, f"AggregateFunction_{name}", None)) is not None
}
"""NodeId of an AggregateFunction -> its name."""
