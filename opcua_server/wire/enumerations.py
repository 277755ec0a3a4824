"""asyncua's codec fails a whole request for one number that an enumeration does not have; here any number is read.

The service that sees it refuses what its clause says, one item or the call, by the code that names what is wrong.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from asyncua import ua

_OF_REQUESTS = (
    ua.BrowseDirection,
    ua.DataChangeTrigger,
    ua.FilterOperator,
    ua.MessageSecurityMode,
    ua.MonitoringMode,
    ua.PerformUpdateType,
    ua.SecurityTokenRequestType,
    ua.TimestampsToReturn,
)


def admit_unknown() -> None:
    """Let the codec of this process read any Int32 where a service checks an enumeration by itself."""
    for each in _OF_REQUESTS:
        kind: Any = each
        kind._missing_ = classmethod(_unknown)


def _unknown(kind: type[IntEnum], number: object) -> IntEnum | None:
    """Return a value that is no member of the enumeration, and compares as its number."""
    if not isinstance(number, int):
        return None
    value = int.__new__(kind, number)
    value._name_, value._value_ = f"{kind.__name__} {number}", number
    return value
