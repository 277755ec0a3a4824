"""Reads requests, most without a codec made for any structure: NodeIds stay bytes, and are keys."""

from __future__ import annotations

import struct
from typing import NamedTuple, TypeVar

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from opcua_server.wire.decoding import budgeted

T = TypeVar("T")

_HEADER = struct.Struct("<qII")
_LENGTH = struct.Struct("<i")
_U4 = struct.Struct("<I")
_FIXED = {0: 2, 1: 4, 2: 7, 4: 19}
"""Bytes of TwoByte, FourByte, Numeric and Guid NodeIds (OPC 10000-6 v1.05 §5.2.2.9)."""
_STRING, _BYTE_STRING = 3, 5


class Malformed(ValueError):  # noqa: N818
    """What the library's codec may read, and these readers do not."""


MALFORMED = (struct.error, IndexError, ValueError)
"""What reading malformed bytes raises."""


class RequestHeader(NamedTuple):
    """What the server needs of a RequestHeader (OPC 10000-4 v1.05 §7.32)."""

    type_number: int
    """Of the request's encoding in namespace 0."""
    token: bytes
    """AuthenticationToken on the wire."""
    handle: int
    timeout_ms: int
    audit_entry_id: str
    """What the client calls the request in its own audit log; empty where it does not."""
    end: int
    """Offset of what follows the header."""


def end_of_node_id(data: bytes, at: int) -> int:
    """Return the offset behind a NodeId."""
    kind = data[at]
    size = _FIXED.get(kind)
    if size is not None:
        return at + size
    if kind in (_STRING, _BYTE_STRING):
        length: int = _LENGTH.unpack_from(data, at + 3)[0]
        return at + 7 + max(length, 0)
    message = f"NodeId of kind {kind:#x}"
    raise Malformed(message)


def end_of_string(data: bytes, at: int) -> int:
    """Return the offset behind a String or ByteString."""
    length: int = _LENGTH.unpack_from(data, at)[0]
    return at + 4 + max(length, 0)


def count_of(data: bytes, at: int) -> int:
    """Return the length of an array, 0 for null."""
    length: int = _LENGTH.unpack_from(data, at)[0]
    return max(length, 0)


def request_header(data: bytes, at: int) -> RequestHeader:
    """Return the type and the header of a request."""
    kind = data[at]
    end = end_of_node_id(data, at)
    type_number = 0
    if kind == 1 and data[at + 1] == 0:
        type_number = data[at + 2] | data[at + 3] << 8
    elif kind == 2 and data[at + 1] == data[at + 2] == 0:
        (type_number,) = _U4.unpack_from(data, at + 3)
    begin, end = end, end_of_node_id(data, end)
    token = data[begin:end]
    _, handle, _ = _HEADER.unpack_from(data, end)
    begin = end + _HEADER.size
    end = end_of_string(data, begin)
    entry_id = data[begin + 4 : end].decode() if end > begin + 4 else ""
    (timeout_ms,) = _U4.unpack_from(data, end)
    end = end_of_node_id(data, end + 4)
    encoding = data[end]
    end = end_of_string(data, end + 1) if encoding in (1, 2) else end + 1
    return RequestHeader(type_number, token, handle, timeout_ms, entry_id, end)


def decoded(kind: type[T], data: bytes, at: int) -> T:
    """Return a structure by the library's codec, as `taken` does."""
    return taken(kind, budgeted(data, at))


def taken(kind: type[T], buffer: Buffer) -> T:
    """Return the next structure by the library's codec.

    Raises:
        ua.uaerrors.BadEncodingLimitsExceeded: when that costs too much.
        ua.uaerrors.BadDecodingError: when it cannot be decoded, for whatever reason the codec finds.
    """
    try:
        return struct_from_binary(kind, buffer)
    except ua.uaerrors.BadEncodingLimitsExceeded:
        raise
    except Exception as error:
        raise ua.uaerrors.BadDecodingError from error


def unsigned(data: bytes, at: int) -> int:
    """Return a UInt32 or an enumeration."""
    number: int = _U4.unpack_from(data, at)[0]
    return number
