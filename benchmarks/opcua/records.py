"""Decodes the records of DataChangeNotifications by runs of equal layout (OPC 10000-6 v1.05 §5.2.2.17)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

VALUE, STATUS, SOURCE_TIME, SERVER_TIME, SOURCE_PICO, SERVER_PICO = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
WIDTHS = {0: 0, 1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 4, 8: 8, 9: 8, 10: 4, 11: 8, 13: 8, 19: 4}
"""Bytes of a scalar by built-in type; 0 is Null."""
STRINGS = (12, 15, 16)
LOCALIZED_TEXT = 21
SHRUNK = 16
"""How far to look ahead after a run has ended early."""


@dataclass(frozen=True, slots=True)
class Run:
    """Records of one layout; `status` is None where all are Good, a time where it is not given."""

    handles: NDArray[np.uint32]
    source_time: NDArray[np.int64] | None
    server_time: NDArray[np.int64] | None
    status: NDArray[np.uint32] | None


def runs(body: bytes, offset: int, count: int) -> Iterator[Run]:
    """Yield `count` records that begin at `offset`."""
    window = count
    while count:
        mask, kind = body[offset + 4], body[offset + 5] if body[offset + 4] & VALUE else 0
        width = WIDTHS.get(kind)
        if width is None:
            width, length = _variable(body, offset + 6, kind), 1
        else:
            length = min(count, window)
        layout = _layout(mask, width)
        length = min(length, (len(body) - offset) // layout.itemsize)
        rows = np.frombuffer(body, layout, length, offset)
        if length > 1:
            same = rows["mask"] == mask
            if mask & VALUE:
                same &= rows["type"] == kind
            if not same.all():
                length = int(same.argmin())
                rows = rows[:length]
                window = SHRUNK
        window = max(SHRUNK, 4 * length)
        yield _run(rows, mask)
        offset += length * layout.itemsize
        count -= length


def _run(rows: NDArray[Any], mask: int) -> Run:
    return Run(
        rows["handle"],
        rows["source_time"] if mask & SOURCE_TIME else None,
        rows["server_time"] if mask & SERVER_TIME else None,
        rows["status"] if mask & STATUS else None,
    )


@cache
def _layout(mask: int, width: int) -> np.dtype[Any]:
    fields: list[tuple[str, str]] = [("handle", "<u4"), ("mask", "u1")]
    if mask & VALUE:
        fields.append(("type", "u1"))
        if width:
            fields.append(("value", f"V{width}"))
    following = (
        (STATUS, "status", "<u4"),
        (SOURCE_TIME, "source_time", "<i8"),
        (SOURCE_PICO, "source_pico", "<u2"),
        (SERVER_TIME, "server_time", "<i8"),
        (SERVER_PICO, "server_pico", "<u2"),
    )
    fields += [(name, kind) for bit, name, kind in following if mask & bit]
    return np.dtype(fields)


def _variable(body: bytes, offset: int, kind: int) -> int:
    """Return the width of a text at `offset`."""
    if kind in STRINGS:
        return 4 + max(0, int.from_bytes(body[offset : offset + 4], "little", signed=True))
    if kind == LOCALIZED_TEXT:
        width = 1
        for bit in (1, 2):
            if body[offset] & bit:
                length = int.from_bytes(body[offset + width : offset + width + 4], "little", signed=True)
                width += 4 + max(0, length)
        return width
    message = f"a record has a value of type {kind}, which the generator does not read"
    raise ValueError(message)
