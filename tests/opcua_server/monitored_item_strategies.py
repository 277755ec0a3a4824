"""What clients may ask of MonitoredItems, and what the plant and they may write, for Hypothesis to choose from."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from opcua_server.monitoring.filters import ON_STATUS, ON_STATUS_VALUE, ON_STATUS_VALUE_TIMESTAMP
from opcua_server.monitoring.spec import DISABLED, REPORTING, SAMPLING
from opcua_server.services.attribute import TIMES_MASKS
from opcua_server.wire.records import SERVER, SOURCE
from plant import quality
from runtime.opcua_link.builtin import BOOLEAN, DATETIME, DOUBLE, INT32, LOCALIZED_TEXT, STRING, UINT32

from .monitored_item_model import Wanted

TYPES = [DOUBLE, DOUBLE, INT32, UINT32, BOOLEAN, DATETIME, STRING, LOCALIZED_TEXT]
MANY = 70
"""Rows that nobody monitors: with them a scan changes more rows than are looked up one by one."""
LIMIT_HIGH = 0x0600
"""InfoType DataValue (bit 10) and LimitBits High (bits 8 and 9), OPC 10000-4 v1.05 §7.38.1."""
STATUSES = [
    *[quality.GOOD] * 6,
    quality.GOOD_LOCAL_OVERRIDE,
    quality.UNCERTAIN_SENSOR_NOT_ACCURATE,
    quality.UNCERTAIN_ENGINEERING_UNITS_EXCEEDED | LIMIT_HIGH,
    quality.BAD_SENSOR_FAILURE,
    quality.BAD_NOT_CONNECTED,
]
VALUES: dict[int, st.SearchStrategy[Any]] = {
    DOUBLE: st.sampled_from([0.0, 1.0, 1.5, 2.0, 2.5, 5.0, -3.0, 1e300, 5e-324, float("nan")]),
    INT32: st.sampled_from([0, 1, 2, 3, 5, -1, -3, -(2**31), 2**31 - 1]),
    UINT32: st.sampled_from([0, 1, 2, 3, 5, 2**32 - 1]),
    BOOLEAN: st.booleans(),
    DATETIME: st.sampled_from([1, 2, 3, 2_650_467_743_989_999_999]),
    STRING: st.sampled_from(["", "a", "Zürich"]),
    LOCALIZED_TEXT: st.sampled_from(["", "AUTO", "MAN"]),
}
wishes = st.builds(
    Wanted,
    handle=st.just(0),
    sampling=st.sampled_from([0, 0, 0, 0, 2, 3]),
    size=st.sampled_from([1, 1, 1, 2, 2, 3, 4, 5, 40]),
    discard_oldest=st.booleans(),
    trigger=st.sampled_from([ON_STATUS, ON_STATUS_VALUE, ON_STATUS_VALUE, ON_STATUS_VALUE_TIMESTAMP]),
    deadband=st.sampled_from([0.0, 0.0, 1.0, 2.5]),
    times=st.sampled_from([*[SOURCE | SERVER] * 5, *TIMES_MASKS.values()]),
)
modes = st.sampled_from([DISABLED, SAMPLING, REPORTING, REPORTING, REPORTING])
places = st.integers(0, 1000)
some = st.lists(places, min_size=1, max_size=6)
rows = st.sampled_from([0, 0, 0, 0, 1, 1, *range(len(TYPES))])
"""Some more often: items that are alike share a group."""


def cells(row: int) -> st.SearchStrategy[tuple[int, Any, int]]:
    """Contents of a row."""
    return st.tuples(st.just(row), VALUES[TYPES[row]], st.sampled_from(STATUSES))
