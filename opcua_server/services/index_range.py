"""NumericRange: parts of arrays and texts (OPC 10000-4 v1.05 §7.27)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from asyncua import ua

from opcua_server.status import bad_value

_DIMENSION = re.compile(r"([0-9]{1,10})(?::([0-9]{1,10}))?")


def parse(text: str) -> list[tuple[int, int]]:
    """Return (first, last) for each dimension.

    Raises:
        ua.uaerrors.BadIndexRangeInvalid: when it is not one.
    """
    ranges: list[tuple[int, int]] = []
    for part in text.split(","):
        match = _DIMENSION.fullmatch(part)
        if match is None:
            raise ua.uaerrors.BadIndexRangeInvalid
        first = int(match[1])
        last = first if match[2] is None else int(match[2])
        if match[2] is not None and last <= first:
            raise ua.uaerrors.BadIndexRangeInvalid
        ranges.append((first, last))
    return ranges


def refusal_in_history(text: str) -> int:
    """Return why there is no part of what is recorded: it has none, or this is no NumericRange."""
    try:
        parse(text)
    except ua.uaerrors.BadIndexRangeInvalid as error:
        return int(error.code)
    return int(ua.StatusCodes.BadIndexRangeNoData)


def cut(data: ua.DataValue, text: str) -> ua.DataValue:
    """Return the part of a value, or the Bad status of one that has no such part."""
    try:
        ranges = parse(text)
        variant: Any = data.Value
        if variant is None or variant.Value is None:
            return data
        return replace(data, Value=_part(variant, ranges))
    except ua.uaerrors.UaStatusCodeError as error:
        return bad_value(error.code)


def _part(variant: Any, ranges: list[tuple[int, int]]) -> ua.Variant:
    value = variant.Value
    dimensions = len(variant.Dimensions or [1]) if isinstance(value, list) else 0
    is_text = variant.VariantType in (ua.VariantType.String, ua.VariantType.ByteString)
    if len(ranges) not in (dimensions, dimensions + is_text):
        raise ua.uaerrors.BadIndexRangeNoData
    return ua.Variant(_slice(value, ranges), variant.VariantType)


def _slice(value: Any, ranges: list[tuple[int, int]]) -> Any:
    (first, last), rest = ranges[0], ranges[1:]
    part = value[first : last + 1]
    if not part:
        raise ua.uaerrors.BadIndexRangeNoData
    return [_slice(each, rest) for each in part] if rest else part
