"""asyncua's decoding of a server's answers, with one error for all that cannot be decoded."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeVar

from asyncua.client import ua_client, ua_session
from asyncua.ua import ua_binary

from runtime.opcua_link.binary import Malformed

T = TypeVar("T")

_RAISED = (
    struct.error,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    MemoryError,
)
"""What asyncua raises of wrong bytes beside its own errors."""


def decoded(kind: type[T] | str, data: Any) -> T:
    """Return the structure that an answer's bytes are.

    Raises:
        Malformed: when they are none.
    """
    return _read(lambda: ua_binary.struct_from_binary(kind, data))


def install() -> None:
    """Let asyncua's client decode by this; doing so again changes nothing."""
    ua_session.struct_from_binary = ua_client.struct_from_binary = decoded  # type: ignore[assignment]
    ua_client.nodeid_from_binary = lambda data: _read(lambda: ua_binary.nodeid_from_binary(data))


def _read(read: Callable[[], T]) -> T:
    try:
        return read()
    except _RAISED as error:
        message = f"{type(error).__name__}: {error}"
        raise Malformed(message) from error
