"""What the decoding of one message may cost.

asyncua's codec follows any nesting and makes any number of objects: sixteen megabytes of Variants within DataValues, of
a byte each, would be gigabytes and half a minute. Each Buffer carries what is left of its message's budget; parts of it
share it. What is past it is refused by BadEncodingLimitsExceeded (OPC 10000-4 v1.05 §7.38.2).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua import ua_binary

from opcua_server.limits import ServerLimits

MOST_OBJECTS = 100_000
"""Elements of arrays, Variants and ExtensionObjects of a message: ten thousand operations with ten each."""
_CODEC: Any = ua_binary
_PRIMITIVES = ua_binary.Primitives
_variant, _extension_object = ua_binary.variant_from_binary, ua_binary.extensionobject_from_binary
_array_decoder, _list_decoder = _CODEC._create_uatype_array_deserializer, _CODEC._create_list_deserializer
_copy, _bytes = Buffer.copy, ua_binary._Bytes.unpack


class Budget:
    """What is left of one message's."""

    __slots__ = ("depth", "left")

    def __init__(self) -> None:
        self.depth = 0
        self.left = MOST_OBJECTS


class _Limits:
    """Those of the process, as its codec is."""

    server = ServerLimits()


def limit(limits: ServerLimits) -> None:
    """Let the codec of this process keep to limits from now on."""
    _Limits.server = limits
    buffer: Any = Buffer
    buffer.copy = _shared_copy
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


def budget_of(buffer: Any) -> Budget:
    """Return the budget of the message of which a Buffer is."""
    budget: Budget | None = getattr(buffer, "budget", None)
    if budget is None:
        budget = buffer.budget = Budget()
    return budget


def budgeted(data: bytes, at: int, budget: Budget) -> Buffer:
    """Return a Buffer over one more part of a message."""
    buffer: Any = Buffer(data, at)
    buffer.budget = budget
    return buffer  # type: ignore[no-any-return]


def _shared_copy(self: Buffer, size: int = -1) -> Buffer:
    copy: Any = _copy(self, size)
    copy.budget = budget_of(self)
    return copy  # type: ignore[no-any-return]


def _checked_bytes(data: Any) -> bytes | None:
    if _peek(data) > _Limits.server.max_byte_string_length:
        _refuse("byte_string_bytes")
    return _bytes(data)


def _checked_string(data: Any) -> str | None:
    if _peek(data) > _Limits.server.max_string_length:
        _refuse("string_bytes")
    octets = _bytes(data)
    return None if octets is None else octets.decode(errors="surrogateescape")


def _nested(decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(data: Any) -> Any:
        budget = budget_of(data)
        if budget.depth >= _Limits.server.settings.nesting:
            _refuse("nesting")
        _spend(budget, 1)
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
            length = _peek(data)
            if length > _Limits.server.max_array_length:
                _refuse("array_length")
            if not is_free:
                _spend(budget_of(data), max(length, 0))
            return decode(data)

        return checked

    return make_checked


def _is_cheap(kind: Any) -> bool:
    return hasattr(ua_binary.Primitives1, kind.name)


def _peek(data: Any) -> int:
    length: int = _PRIMITIVES.Int32.unpack(_copy(data, 4))
    return length


def _spend(budget: Budget, objects: int) -> None:
    budget.left -= objects
    if budget.left < 0:
        _refuse("message_objects")


def _refuse(name: str) -> None:
    _Limits.server.reached.note(name)
    raise ua.uaerrors.BadEncodingLimitsExceeded
