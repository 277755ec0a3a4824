"""StatusCodes as the library's structures want them."""

from __future__ import annotations

from asyncua import ua


def status_code(code: int) -> ua.StatusCode:
    """Return the StatusCode of a number."""
    return ua.StatusCode(ua.UInt32(code))


def bad_value(code: int) -> ua.DataValue:
    """Return a DataValue that is only a Bad status."""
    return ua.DataValue(StatusCode=status_code(code))
