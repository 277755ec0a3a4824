"""Reads the responses that carry many values, as far as the bytes of these: pure."""

from __future__ import annotations

from dataclasses import dataclass

from plant import quality
from runtime.opcua_link.binary import Cursor, Malformed, skip, skip_array

PUBLISH_RESPONSE, DATA_CHANGES, STATUS_CHANGE = 829, 811, 820
HISTORY_READ_RESPONSE, HISTORY_DATA = 667, 658
"""Numbers of their binary encodings (OPC 10000-6 v1.05 annex A.3)."""
_UINT32, _STRING, _EXTENSION_OBJECT, _DIAGNOSTIC_INFO = 7, 12, 22, 25


@dataclass(frozen=True, slots=True)
class Published:
    """One NotificationMessage."""

    service_result: int
    """StatusCode of the call; when Bad nothing else is meant."""
    subscription: int
    sequence_number: int
    parts: tuple[tuple[int, bytes], ...]
    """Number of the binary encoding, 0 for one of another namespace, and the body; none in a keep-alive."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A page of one node's history."""

    status: int
    continuation_point: bytes | None
    values: bytes
    """The body of a HistoryData; empty without one."""


def read_published(message: bytes) -> Published:
    """Read a PublishResponse from its type id on.

    Raises:
        Malformed: when it is none.
    """
    cursor = Cursor(message)
    service_result = _header(cursor, PUBLISH_RESPONSE)
    subscription = cursor.u4()
    skip_array(cursor, _UINT32)  # AvailableSequenceNumbers
    cursor.byte()  # MoreNotifications: a request is always waiting for them
    sequence_number = cursor.u4()
    cursor.i8()  # PublishTime
    parts = tuple(_part(cursor) for _ in range(max(cursor.i4(), 0)))
    return Published(service_result, subscription, sequence_number, parts)


def read_remembered(message: bytes, count: int) -> tuple[int, list[Remembered]]:
    """Read a HistoryReadResponse about so many nodes from its type id on; return the call's StatusCode too.

    Raises:
        Malformed: when it is none.
    """
    cursor = Cursor(message)
    service_result = _header(cursor, HISTORY_READ_RESPONSE)
    found = cursor.i4()
    if quality.is_bad(service_result):
        return service_result, []
    if found != count:
        text = f"{found} histories where {count} were asked for"
        raise Malformed(text)
    return service_result, [_remembered(cursor) for _ in range(count)]


def _remembered(cursor: Cursor) -> Remembered:
    status, continuation_point = cursor.u4(), cursor.octets()
    kind, body = _part(cursor)
    return Remembered(status, continuation_point, body if kind == HISTORY_DATA else b"")


def read_status_change(body: bytes) -> int:
    """Return the StatusCode of a StatusChangeNotification."""
    return Cursor(body).u4()


def _header(cursor: Cursor, expected: int) -> int:
    """Go past type id and ResponseHeader; return the ServiceResult."""
    found = _encoding(cursor)
    if found != expected:
        message = f"a message of encoding {found} where {expected} was expected"
        raise Malformed(message)
    cursor.skip(12)  # Timestamp, RequestHandle
    service_result = cursor.u4()
    skip(cursor, _DIAGNOSTIC_INFO)
    skip_array(cursor, _STRING)
    skip(cursor, _EXTENSION_OBJECT)
    return service_result


def _part(cursor: Cursor) -> tuple[int, bytes]:
    number = _encoding(cursor)
    body = cursor.octets() if cursor.byte() else None
    return number, body or b""


def _encoding(cursor: Cursor) -> int:
    """Read a NodeId; return its number, 0 for one of another namespace or kind."""
    start = cursor.at
    kind = cursor.byte()
    if kind == 0:
        return cursor.byte()
    if kind in (1, 2):
        namespace = cursor.byte() if kind == 1 else cursor.u2()
        number = cursor.u2() if kind == 1 else cursor.u4()
        return 0 if namespace else number
    cursor.at = start
    skip(cursor, 17)
    return 0
