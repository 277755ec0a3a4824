"""asyncua's DataValues as readings."""

from __future__ import annotations

from typing import Any

from asyncua import ua

from plant import quality
from plant.clock import text_from_ticks
from plant.sample import Scalar
from runtime.opcua_link.filetime import ticks_of
from runtime.opcua_link.values import Reading


def reading(name: str, data: ua.DataValue) -> Reading:
    """Return a DataValue as a reading."""
    return Reading(name, plain(data), status_of(data), ticks_of(data.SourceTimestamp), ticks_of(data.ServerTimestamp))


def status_of(data: ua.DataValue) -> int:
    """Return the StatusCode as a number; absent means Good."""
    return int(data.StatusCode.value) if data.StatusCode is not None else quality.GOOD


def plain(data: ua.DataValue) -> Scalar | None:
    """Return the value in plain Python: a DateTime as ISO text, a text of a LocalizedText, None for anything else."""
    value: Any = data.Value.Value if data.Value is not None else None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, ua.DateTime):
        return text_from_ticks(ticks_of(value))
    if isinstance(value, ua.LocalizedText):
        return value.Text or ""
    return None
