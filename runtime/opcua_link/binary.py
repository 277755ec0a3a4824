"""Reads the OPC UA binary encoding, and past what is of no interest (OPC 10000-6 v1.05 §5.2): pure."""

from __future__ import annotations

import struct

from runtime.opcua_link.builtin import LOCALIZED_TEXT, STRING

MOST_NESTED = 100
"""Levels of values within values (OPC 10000-6 v1.05 §5.1.9)."""
_ONE, _U2, _U4, _I4, _I8 = (struct.Struct(text) for text in ("B", "<H", "<I", "<i", "<q"))
_WIDTHS = {0: 0, 1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 4, 8: 8, 9: 8, 10: 4, 11: 8, 13: 8, 14: 16, 19: 4}
_NODE_IDS = {0: 1, 1: 3, 2: 6, 3: 2, 4: 18, 5: 2}
"""Encoding of a NodeId -> its bytes; a text follows those of 3 and 5."""
_ARRAY, _DIMENSIONS = 0x80, 0x40


class Malformed(ValueError):  # noqa: N818
    """Bytes that are no such message."""


class Cursor:
    """Goes through bytes from a place on; raises Malformed at their end."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def byte(self) -> int:
        """Read a Byte."""
        return self._number(_ONE)

    def u2(self) -> int:
        """Read a UInt16."""
        return self._number(_U2)

    def u4(self) -> int:
        """Read a UInt32, or a StatusCode."""
        return self._number(_U4)

    def i4(self) -> int:
        """Read an Int32, or a length."""
        return self._number(_I4)

    def i8(self) -> int:
        """Read an Int64, or a DateTime."""
        return self._number(_I8)

    def octets(self) -> bytes | None:
        """Read a ByteString, or a String's bytes; None for null."""
        length = self.i4()
        if length < 0:
            return None
        start = self.at
        self.skip(length)
        return self.data[start : self.at]

    def text(self) -> str | None:
        """Read a String; bytes that are no UTF-8 become surrogates, as in asyncua."""
        octets = self.octets()
        return None if octets is None else octets.decode(errors="surrogateescape")

    def skip(self, size: int) -> None:
        """Go on by so many bytes."""
        if not 0 <= size <= len(self.data) - self.at:
            message = f"{size} bytes announced where {len(self.data) - self.at} are left"
            raise Malformed(message)
        self.at += size

    def _number(self, layout: struct.Struct) -> int:
        try:
            (number,) = layout.unpack_from(self.data, self.at)
        except struct.error:
            message = f"{layout.size} bytes expected where {len(self.data) - self.at} are left"
            raise Malformed(message) from None
        self.at += layout.size
        return int(number)


def text_or_none(cursor: Cursor) -> tuple[int, str | None]:
    """Read a Variant: type and text of a String or LocalizedText, "" for a null one; go past others: 0 and None."""
    encoding = cursor.byte()
    if encoding == STRING:
        return STRING, cursor.text() or ""
    if encoding == LOCALIZED_TEXT:
        mask = cursor.byte()
        if mask & 1:
            cursor.octets()
        return LOCALIZED_TEXT, (cursor.text() if mask & 2 else None) or ""
    _skip_variant_body(cursor, encoding, 0)
    return 0, None


def skip(cursor: Cursor, kind: int, depth: int = 0) -> None:
    """Go past a value of a built-in type."""
    if depth > MOST_NESTED:
        message = f"more than {MOST_NESTED} values within each other"
        raise Malformed(message)
    width = _WIDTHS.get(kind)
    if width is not None:
        cursor.skip(width)
    elif kind in (17, 18):
        _skip_node_id(cursor)
    elif kind == 20:
        cursor.skip(2)
        cursor.octets()
    elif kind == LOCALIZED_TEXT:
        _skip_marked(cursor, ((1, STRING), (2, STRING)), depth)
    elif kind == 22:
        _skip_node_id(cursor)
        if cursor.byte():
            cursor.octets()
    elif kind == 23:
        _skip_marked(cursor, ((1, 24), (2, 19), (4, 13), (16, 5), (8, 13), (32, 5)), depth)
    elif kind == 24:
        _skip_variant_body(cursor, cursor.byte(), depth)
    elif kind == 25:
        _skip_marked(cursor, ((1, 6), (2, 6), (8, 6), (4, 6), (16, STRING), (32, 19), (64, 25)), depth)
    else:  # String, ByteString, XmlElement, and the reserved types
        cursor.octets()


def skip_array(cursor: Cursor, kind: int, depth: int = 0) -> None:
    """Go past an array of a built-in type."""
    count = max(cursor.i4(), 0)
    width = _WIDTHS.get(kind)
    if width is not None:
        cursor.skip(width * count)
        return
    for _ in range(count):
        skip(cursor, kind, depth)


def _skip_variant_body(cursor: Cursor, encoding: int, depth: int) -> None:
    kind = encoding & 0x3F
    if encoding & _ARRAY:
        skip_array(cursor, kind, depth + 1)
    else:
        skip(cursor, kind, depth + 1)
    if encoding & _DIMENSIONS:
        skip_array(cursor, 6)


def _skip_marked(cursor: Cursor, parts: tuple[tuple[int, int], ...], depth: int) -> None:
    """Go past a structure whose mask says which parts it has."""
    mask = cursor.byte()
    for bit, kind in parts:
        if mask & bit:
            skip(cursor, kind, depth + 1)


def _skip_node_id(cursor: Cursor) -> None:
    encoding = cursor.byte()
    width = _NODE_IDS.get(encoding & 0x3F)
    if width is None:
        message = f"a NodeId of the unknown encoding {encoding}"
        raise Malformed(message)
    cursor.skip(width)
    if encoding & 0x3F in (3, 5):
        cursor.octets()
    if encoding & 0x80:
        cursor.octets()
    if encoding & 0x40:
        cursor.skip(4)
