"""asyncua's DataValues as readings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from asyncua import ua

from plant import quality
from plant.clock import LATEST_TICKS, text_from_ticks
from plant.sample import Scalar
from runtime.opcua_link.builtin import BOOLEAN, DATETIME, FLOAT, FORMATS, IS_FLOAT, IS_INTEGER, STRING, UINT64
from runtime.opcua_link.filetime import FileTime, ticks_of
from runtime.opcua_link.values import Reading

LARGEST_FLOAT = float(np.finfo(np.float32).max)


def reading(name: str, data: ua.DataValue) -> Reading:
    """Return a DataValue as a reading."""
    return Reading(name, plain(data), status_of(data), ticks_of(data.SourceTimestamp), ticks_of(data.ServerTimestamp))


def status_of(data: ua.DataValue) -> int:
    """Return the StatusCode as a number; absent means Good."""
    return int(data.StatusCode.value) if data.StatusCode is not None else quality.GOOD


def plain(data: ua.DataValue) -> Scalar | None:
    """Return the value in plain Python: a DateTime as ISO text, a text of a LocalizedText, None for anything else.

    A null String is an empty one, as that of a LocalizedText.
    """
    value: Any = data.Value.Value if data.Value is not None else None
    if value is None and data.Value is not None and data.Value.VariantType == ua.VariantType.String:
        return None if data.Value.is_array else ""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, ua.DateTime):
        return text_from_ticks(ticks_of(value))
    if isinstance(value, ua.LocalizedText):
        return value.Text or ""
    return None


def misfit(value: Any, kind: ua.VariantType) -> int:
    """Return Good for a plain value that a built-in type can hold, or why it cannot."""
    number = kind.value
    is_number = isinstance(value, int | float)
    if IS_INTEGER[number] or number in (UINT64, DATETIME):
        if not is_number or not float(value).is_integer():
            return quality.BAD_TYPE_MISMATCH
        integers = np.iinfo(FORMATS[number])
        low, high = (0, LATEST_TICKS) if number == DATETIME else (integers.min, integers.max)
        return quality.GOOD if low <= value <= high else quality.BAD_OUT_OF_RANGE
    if IS_FLOAT[number]:
        if not is_number:
            return quality.BAD_TYPE_MISMATCH
        is_beyond = number == FLOAT and LARGEST_FLOAT < abs(value) < math.inf
        return quality.BAD_OUT_OF_RANGE if is_beyond else quality.GOOD
    fits = number == STRING and isinstance(value, str)
    if number == BOOLEAN:
        fits = is_number and value in (0, 1)
    return quality.GOOD if fits else quality.BAD_TYPE_MISMATCH


def variant(value: Any, kind: ua.VariantType) -> ua.Variant:
    """Return a plain value that fits, as what it is on the wire; a DateTime's is its ticks."""
    number = kind.value
    if IS_INTEGER[number] or number == UINT64:
        return ua.Variant(int(value), kind)
    if number == BOOLEAN:
        return ua.Variant(bool(value), kind)
    return ua.Variant(FileTime.of(int(value)) if number == DATETIME else value, kind)
