"""Reads a PublishResponse as far as its notifications' bytes: pure."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.opcua_link.binary import Cursor, Malformed, skip, skip_array

PUBLISH_RESPONSE, DATA_CHANGES, STATUS_CHANGE = 829, 811, 820
"""Numbers of their binary encodings (OPC 10000-6 v1.05 annex A.3)."""
_DIAGNOSTIC_INFO, _EXTENSION_OBJECT, _STRING = 25, 22, 12


@dataclass(frozen=True, slots=True)
class Published:
    """One NotificationMessage."""

    service_result: int
    """StatusCode of the call; when Bad nothing else is meant."""
    subscription: int
    sequence_number: int
    parts: tuple[tuple[int, bytes], ...]
    """Number of the binary encoding, 0 for one of another namespace, and the body; none in a keep-alive."""


def read_published(message: bytes) -> Published:
    """Read a PublishResponse from its type id on.

    Raises:
        Malformed: when it is none.
    """
    cursor = Cursor(message)
    found = _encoding(cursor)
    if found != PUBLISH_RESPONSE:
        text = f"encoding {found} where a PublishResponse ({PUBLISH_RESPONSE}) was expected"
        raise Malformed(text)
    cursor.skip(12)  # Timestamp, RequestHandle
    service_result = cursor.u4()
    skip(cursor, _DIAGNOSTIC_INFO)
    skip_array(cursor, _STRING)
    skip(cursor, _EXTENSION_OBJECT)
    subscription = cursor.u4()
    skip_array(cursor, 7)  # AvailableSequenceNumbers
    cursor.byte()  # MoreNotifications: a request is always waiting for them
    sequence_number = cursor.u4()
    cursor.i8()  # PublishTime
    parts = tuple(_part(cursor) for _ in range(max(cursor.i4(), 0)))
    return Published(service_result, subscription, sequence_number, parts)


def read_status_change(body: bytes) -> int:
    """Return the StatusCode of a StatusChangeNotification."""
    return Cursor(body).u4()


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
