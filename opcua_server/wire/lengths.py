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


def check() -> None:
    """Let the codec of this process check lengths from now on."""
    read, skip = Buffer.read, Buffer.skip
    unpack_array, reshape = ua_binary.unpack_uatype_array, ua_binary._reshape

    def checked_read(self: Buffer, size: int) -> bytes:
        if size < 0:
            message = f"a length of {size}"
            raise NotEnoughData(message)
        return read(self, size)

    def checked_skip(self: Buffer, size: int) -> None:
        if size < 0:
            message = f"a length of {size}"
            raise NotEnoughData(message)
        skip(self, size)

    def checked_unpack_array(vtype: ua.VariantType, data: Any) -> list[Any] | None:
        if vtype is ua.VariantType.Null:
            length = ua_binary.Primitives.Int32.unpack(data)
            if length > 0:
                message = f"an array of {length} Nulls"
                raise ua.UaError(message)
            return [] if length == 0 else None
        return unpack_array(vtype, data)

    def checked_reshape(flat: list[Any], dimensions: list[int]) -> list[Any]:
        if not 0 < len(dimensions) <= MOST_DIMENSIONS or min(dimensions) < 0:
            message = f"an array of {len(dimensions)} dimensions"
            raise ua.UaError(message)
        return reshape(flat, dimensions)

    replaced: Any = Buffer, ua_binary
    buffer, codec = replaced
    buffer.read, buffer.skip = checked_read, checked_skip
    codec.unpack_uatype_array, codec._reshape = checked_unpack_array, checked_reshape
