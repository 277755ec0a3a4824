"""What of a change is reported (OPC 10000-4 v1.05 §7.22.2): the trigger, and the deadband against the last report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from opcua_server.bank import Bits, Statuses, as_numbers

ON_STATUS, ON_STATUS_VALUE, ON_STATUS_VALUE_TIMESTAMP = range(3)
"""DataChangeTrigger. A tag's SourceTimestamp changes with its value or status only, so the last two are alike."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One item's; `deadband` in the value's unit, 0 for none."""

    trigger: int = ON_STATUS_VALUE
    deadband: float = 0.0


NO_FILTER = Filter()


def passes(
    type_number: int,
    trigger: NDArray[np.uint8],
    deadband: NDArray[np.float64],
    last: tuple[Bits, Statuses],
    new: tuple[Bits, Statuses],
) -> NDArray[np.bool_]:
    """Tell which new samples are reported, given what was reported last; a change of status always is."""
    (last_bits, last_status), (bits, status) = last, new
    changed: NDArray[np.bool_] = (bits != last_bits) & (trigger != ON_STATUS)
    if deadband.any():
        distance = np.abs(as_numbers(bits, type_number) - as_numbers(last_bits, type_number))
        changed &= (deadband == 0.0) | ~(distance <= deadband)
    result: NDArray[np.bool_] = changed | (status != last_status)
    return result
