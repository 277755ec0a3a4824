"""What the decoding of one request may cost.

asyncua's codec follows any nesting and makes any number of objects: sixteen megabytes of Variants within DataValues, of
a byte each, would be gigabytes and half a minute. The Buffer of a request carries what is left of its budget, parts of
it share it; what is past it is refused by BadEncodingLimitsExceeded (OPC 10000-4 v1.05 §7.38.2). A Buffer without one
is read as ever.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua import ua_binary

from opcua_server.limits import ServerLimits

MOST_OBJECTS = 50_000
"""Elements of arrays, Variants and ExtensionObjects of a request, a Variant in an array twice: ten thousand operations
with five each."""
_CODEC: Any = ua_binary
_LENGTH = struct.Struct("<i")
_variant, _extension_object = ua_binary.variant_from_binary, ua_binary.extensionobject_from_binary
_array_decoder, _list_decoder = _CODEC._create_uatype_array_deserializer, _CODEC._create_list_deserializer
_copy, _bytes = Buffer.copy, ua_binary._Bytes.unpack


class Budget:
    """What is left of one request's."""

    __slots__ = ("depth", "left")

    def __init__(self) -> None:
        self.depth = 0
        self.left = MOST_OBJECTS

    def spend(self, objects: int) -> None:
        """Take note of objects that are made."""
        self.left -= objects
        if self.left < 0:
            _refuse("message_objects")


class _Limits:
    """Those of the process, as its codec is."""

    server = ServerLimits()


def limit(limits: ServerLimits) -> None:
    """Let the codec of this process keep to limits from now on, where a Buffer has a budget."""
    _Limits.server = limits
    buffer: Any = Buffer
    buffer.budget, buffer.copy = None, _shared_copy
    _CODEC._Bytes.unpack, _CODEC._String.unpack = staticmethod(_checked_bytes), staticmethod(_checked_string)
    _CODEC.variant_from_binary, _CODEC.extensionobject_from_binary = _nested(_variant), _nested(_extension_object)
    _CODEC._create_uatype_array_deserializer = functools.cache(_bounded(_array_decoder, _is_cheap))
    _CODEC._create_list_deserializer = functools.cache(_bounded(_list_decoder, lambda kind: False))
    for cached in (
        _array_decoder,
        _list_decoder,
        _CODEC._create_uatype_deserializer,
        _CODEC._create_type_deserializer,
        _CODEC._create_dataclass_deserializer,
    ):
        cached.cache_clear()


def budgeted(data: bytes, at: int, budget: Budget | None = None) -> Buffer:
    """Return a Buffer over a request, or one more part of it."""
    buffer: Any = Buffer(data, at)
    buffer.budget = budget or Budget()
    return buffer  # type: ignore[no-any-return]


def _shared_copy(self: Buffer, size: int = -1) -> Buffer:
    copy: Any = _copy(self, size)
    copy.budget = self.budget  # type: ignore[attr-defined]
    return copy  # type: ignore[no-any-return]


def _checked_bytes(data: Any) -> bytes | None:
    if data.budget is not None and _peek(data) > _Limits.server.max_byte_string_length:
        _refuse("byte_string_bytes")
    return _bytes(data)


def _checked_string(data: Any) -> str | None:
    if data.budget is not None and _peek(data) > _Limits.server.max_string_length:
        _refuse("string_bytes")
    octets = _bytes(data)
    return None if octets is None else octets.decode(errors="surrogateescape")


def _nested(decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(data: Any) -> Any:
        budget: Budget | None = data.budget
        if budget is None:
            return decode(data)
        if budget.depth >= _Limits.server.settings.nesting:
            _refuse("nesting")
        budget.spend(1)
        budget.depth += 1
        try:
            return decode(data)
        finally:
            budget.depth -= 1

    return checked


def _bounded(make: Callable[[Any], Any], is_cheap: Callable[[Any], bool]) -> Callable[[Any], Callable[[Any], Any]]:
    """Return a maker of array decoders that look at the length first; what is of fixed width costs its bytes only."""

    def make_checked(kind: Any) -> Callable[[Any], Any]:
        decode, is_free = make(kind), is_cheap(kind)

        def checked(data: Any) -> Any:
            budget: Budget | None = data.budget
            if budget is None:
                return decode(data)
            length = _peek(data)
            if length > _Limits.server.max_array_length:
                _refuse("array_length")
            if not is_free:
                budget.spend(max(length, 0))
            return decode(data)

        return checked

    return make_checked


def _is_cheap(kind: Any) -> bool:
    return hasattr(ua_binary.Primitives1, kind.name)


def _peek(data: Any) -> int:
    """Return the length that comes next; where nothing does, the codec says so."""
    if data._size < _LENGTH.size:
        return -1
    length: int = _LENGTH.unpack_from(data._data, data._cur_pos)[0]
    return length


def _refuse(name: str) -> None:
    _Limits.server.reached.note(name)
    raise ua.uaerrors.BadEncodingLimitsExceeded
