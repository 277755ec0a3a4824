"""Message bodies by hand, where a codec made for any structure takes too long (OPC 10000-6 v1.05 §5.2)."""

from __future__ import annotations

import struct
import sys
import time
from collections.abc import Iterable, Sequence

from plant.clock import ticks_from_unix_ns

_PUBLISH_REQUEST = 826
_DATA_CHANGE = b"\x01\x00" + struct.pack("<H", 811) + b"\x01"
_EVENTS = b"\x01\x00" + struct.pack("<H", 916) + b"\x01"
_STATUS_CHANGE = b"\x01\x00" + struct.pack("<H", 820) + b"\x01"
ANY_SIZE = sys.maxsize
"""Bytes of a message where there is no limit."""
NULL_ARRAY = b"\xff\xff\xff\xff"
_TO_RESPONSE = 3
"""A response's encoding is numbered so much higher than its request's, a ServiceFault's than what is no request."""
_SERVICE_FAULT = 397 - _TO_RESPONSE
_HEADER = struct.Struct("<BBHqII")
_HEADER_END = b"\x00" + NULL_ARRAY + b"\x00\x00\x00"
"""No diagnostics, no string table, no additional header."""
_U4, _I4 = struct.Struct("<I"), struct.Struct("<i")


def now_ticks() -> int:
    """Return the wall clock, ticks."""
    return ticks_from_unix_ns(time.time_ns())


def response(request_type: int, handle: int, result: int = 0) -> bytes:
    """Return the type and the ResponseHeader of the response to a request of some type."""
    return _HEADER.pack(1, 0, request_type + _TO_RESPONSE, now_ticks(), handle, result) + _HEADER_END


def fault(handle: int, code: int) -> bytes:
    """Return a ServiceFault."""
    return response(_SERVICE_FAULT, handle, code)


def numbers(values: Sequence[int]) -> bytes:
    """Return an array of UInt32 or StatusCodes."""
    return struct.pack(f"<i{len(values)}I", len(values), *values)


def codes(statuses: Sequence[int]) -> bytes:
    """Return a response's StatusCodes, without diagnostics."""
    return numbers(statuses) + NULL_ARRAY


def array(parts: Sequence[bytes]) -> bytes:
    """Return a response's array of structures, without diagnostics."""
    return array_of(len(parts), parts)


def array_of(count: int, parts: Sequence[bytes]) -> bytes:
    """Return the same where a structure may stand in several parts."""
    return b"".join((_I4.pack(count), *parts, NULL_ARRAY))


def data_changes(parts: Iterable[bytes], count: int) -> bytes:
    """Return a DataChangeNotification of `count` records as an ExtensionObject."""
    body = b"".join((_U4.pack(count), *parts, NULL_ARRAY))
    return _DATA_CHANGE + _U4.pack(len(body)) + body


def event_list(parts: Sequence[bytes]) -> bytes:
    """Return an EventNotificationList of EventFieldLists as an ExtensionObject."""
    body = b"".join((_U4.pack(len(parts)), *parts))
    return _EVENTS + _U4.pack(len(body)) + body


def status_change(status: int) -> bytes:
    """Return a StatusChangeNotification as an ExtensionObject."""
    body = _U4.pack(status) + b"\x00"
    return _STATUS_CHANGE + _U4.pack(len(body)) + body


def notification_message(sequence_number: int, data: Sequence[bytes]) -> bytes:
    """Return a NotificationMessage; without data it is a keep-alive."""
    return b"".join((struct.pack("<Iqi", sequence_number, now_ticks(), len(data)), *data))


def publish_response(
    handle: int, subscription: int, available: Sequence[int], message: bytes, results: Sequence[int], *, more: bool
) -> bytes:
    """Return a PublishResponse."""
    return b"".join(
        (
            response(_PUBLISH_REQUEST, handle),
            _U4.pack(subscription),
            numbers(available),
            b"\x01" if more else b"\x00",
            message,
            numbers(results),
            NULL_ARRAY,
        )
    )


_EMPTY = len(publish_response(0, 0, (), notification_message(0, [data_changes((), 0), event_list(())]), (), more=False))


def room_for_notifications(most_bytes: int, available: int, results: int) -> int:
    """Return the bytes of notifications that a PublishResponse holds beside sequence numbers and results."""
    return most_bytes - _EMPTY - _U4.size * (available + results)
