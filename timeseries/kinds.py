"""What an aggregate's results are: their type and their unit, and of what there is one (OPC 10000-13 v1.05 §5.4.3)."""

from __future__ import annotations

import re
from dataclasses import replace

from plant.signals import DataType
from timeseries.aggregates import FUNCTIONS, OF_TEXT, refuse_unknown
from timeseries.signals import DATETIME, SignalInfo

INT32, STATUS_CODE = DataType.INT32.value, 19
_OF_OWN_TYPE = frozenset(
    {"Interpolative", "Start", "End", "StartBound", "EndBound"}
    | {f"{which}{how}{kind}" for which in ("Minimum", "Maximum") for how in ("", "ActualTime") for kind in ("", "2")}
)
_WHOLE = frozenset({"Count", "NumberOfTransitions"})
_STATUS_CODES = frozenset({"WorstQuality", "WorstQuality2"})


def kind_of(function: str, info: SignalInfo) -> SignalInfo:
    """Return what an aggregate's results are of a signal."""
    if function in _OF_OWN_TYPE:
        return info
    if function in _WHOLE:
        return replace(info, unit="", data_type=INT32)
    if function in _STATUS_CODES:
        return replace(info, unit="", data_type=STATUS_CODE)
    return replace(info, unit=_unit(function, info.unit), data_type=DataType.DOUBLE.value)


def is_sensible(function: str, info: SignalInfo) -> bool:
    """Tell whether there is such an aggregate of such a signal: of text and times there are few."""
    return function in OF_TEXT or not (info.is_text or info.data_type == DATETIME)


def refuse_senseless(function: str, info: SignalInfo) -> None:
    """Return if there is such an aggregate of such a signal.

    Raises:
        ValueError: naming those that there are.
    """
    refuse_unknown(function)
    if not is_sensible(function, info):
        of_text = ", ".join(name for name in FUNCTIONS if name in OF_TEXT)
        message = f"aggregate {function!r}: is of numbers, {info.name} is text or a time; allowed are {of_text}"
        raise ValueError(message)


def _unit(function: str, unit: str) -> str:
    if function.startswith("Percent"):
        return "%"
    if function.startswith("Duration"):
        return "ms"
    factor = "" if unit == "1" else f"({unit})" if re.search(r"[/·* ]", unit) else unit
    if function.startswith("Total"):
        return f"{factor}·s" if factor else "s"
    return f"{factor}²" if function.startswith("Variance") and factor else unit
