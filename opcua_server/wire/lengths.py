"""asyncua's codec believes every length it reads; here it checks those by which few bytes become endless work.

A String of negative length makes it read the same bytes again, as often as the array around it claims to have
elements; an array of Nulls has elements without any bytes; the product of the dimensions of an array is taken before
anything is compared with it. Each can be sent before there is a session.
"""

from __future__ import annotations

from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer, NotEnoughData
from asyncua.ua import ua_binary

MOST_DIMENSIONS = 16


_read, _skip = Buffer.read, Buffer.skip
_unpack_array, _reshape = ua_binary.unpack_uatype_array, ua_binary._reshape


def check() -> None:
    """Let the codec of this process check lengths from now on."""
    buffer: Any = Buffer
    codec: Any = ua_binary
    buffer.read, buffer.skip = _checked_read, _checked_skip
    codec.unpack_uatype_array, codec._reshape = _checked_unpack_array, _checked_reshape


def _checked_read(self: Buffer, size: int) -> bytes:
    _require_length(size)
    return _read(self, size)


def _checked_skip(self: Buffer, size: int) -> None:
    _require_length(size)
    _skip(self, size)


def _require_length(size: int) -> None:
    if size < 0:
        message = f"a length of {size}"
        raise NotEnoughData(message)


def _checked_unpack_array(vtype: ua.VariantType, data: Any) -> list[Any] | None:
    if vtype is not ua.VariantType.Null:
        return _unpack_array(vtype, data)
    length = ua_binary.Primitives.Int32.unpack(data)
    if length > 0:
        message = f"an array of {length} Nulls"
        raise ua.UaError(message)
    return [] if length == 0 else None


def _checked_reshape(flat: list[Any], dimensions: list[int] | None) -> list[Any]:
    if dimensions is None or not 0 < len(dimensions) <= MOST_DIMENSIONS or min(dimensions) < 0:
        message = f"an array of {len(dimensions or ())} dimensions"
        raise ua.UaError(message)
    return _reshape(flat, dimensions)
