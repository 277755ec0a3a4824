"""The tag bank: value, status and times of every tag as columns, written by the scan and by clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from plant import quality
from runtime.opcua_link.builtin import DOUBLE, LOCALIZED_TEXT, STRING

Rows = NDArray[np.intp]
Bits = NDArray[np.uint64]
Statuses = NDArray[np.uint32]
Ticks = NDArray[np.int64]

TEXTS = (STRING, LOCALIZED_TEXT)


class Listener(Protocol):
    """Who is told of changes."""

    def will_change(self, rows: Rows) -> None:
        """Take what these rows hold now, if it was not taken yet: it is about to be replaced."""

    def changed(self, rows: Rows, bits: Bits, status: Statuses, source: Ticks, server_time: int) -> None:
        """Take note of the new contents of these rows, all different."""


class Bank:
    """One row for each tag.

    A value is kept as 64 bits: a Double's own, an integer's two's complement, a Boolean's 0 or 1, a DateTime's ticks;
    a text's bits only count its changes, and the text itself is in `texts`.
    """

    def __init__(self, types: Sequence[int]) -> None:
        count = len(types)
        self.types = np.array(types, np.uint8)
        self.bits: Bits = np.zeros(count, np.uint64)
        self.numbers: NDArray[np.float64] = self.bits.view(np.float64)
        """The same values, where they are Doubles."""
        self.integers: NDArray[np.int64] = self.bits.view(np.int64)
        """The same values, where they are not."""
        self.texts: dict[int, str | None] = {row: None for row, kind in enumerate(types) if kind in TEXTS}
        self.status: Statuses = np.full(count, quality.BAD_WAITING_FOR_INITIAL_DATA, np.uint32)
        self.source: Ticks = np.zeros(count, np.int64)
        """SourceTimestamp of the present value, ticks; increases strictly."""
        self.server: Ticks = np.zeros(count, np.int64)
        self.changes: NDArray[np.uint64] = np.zeros(count, np.uint64)
        """How often value or status changed."""
        self.listeners: list[Listener] = []

    def __len__(self) -> int:
        return len(self.types)

    def commit(self, rows: Rows, bits: Bits, status: Statuses, time: int, server_time: int) -> None:
        """Take values of different rows, and tell of those whose value or status changed.

        A Bad value is null; a text's bits must be what `set_text` makes of it.
        """
        bits = np.where(status >= quality.BAD, np.uint64(0), bits)
        changed = (bits != self.bits[rows]) | (status != self.status[rows])
        if not changed.all():
            rows, bits, status = rows[changed], bits[changed], status[changed]
            if not len(rows):
                return
        self._take(rows, bits, status, time, server_time)

    def _take(self, rows: Rows, bits: Bits, status: Statuses, time: int, server_time: int) -> None:
        for listener in self.listeners:
            listener.will_change(rows)
        source = np.maximum(time, self.source[rows] + 1)
        self.bits[rows] = bits
        self.status[rows] = status
        self.source[rows] = source
        self.server[rows] = server_time
        self.changes[rows] += np.uint64(1)
        for listener in self.listeners:
            listener.changed(rows, bits, status, source, server_time)

    def set(self, row: int, bits: int, time: int, server_time: int, status: int = quality.GOOD) -> None:
        """Take one value."""
        bits = 0 if status >= quality.BAD else bits
        if bits != self.bits.item(row) or status != self.status.item(row):
            one = np.array([row], np.intp), np.array([bits], np.uint64), np.array([status], np.uint32)
            self._take(*one, time, server_time)

    def set_text(self, row: int, text: str | None, time: int, server_time: int, status: int = quality.GOOD) -> None:
        """Take one text."""
        text = None if status >= quality.BAD else text
        if text == self.texts[row] and status == int(self.status[row]):
            return
        for listener in self.listeners:
            listener.will_change(np.array([row], np.intp))
        self.texts[row] = text
        self.set(row, int(self.changes[row]) + 1, time, server_time, status)


def as_bits(values: NDArray[np.float64]) -> Bits:
    """Return the bits of Doubles; a negative zero becomes a positive one, which is the same value."""
    return (values + 0.0).view(np.uint64)


def as_numbers(bits: Bits, type_number: int) -> NDArray[np.float64]:
    """Return the values of rows of one type as floats, to compare distances."""
    return bits.view(np.float64) if type_number == DOUBLE else bits.view(np.int64).astype(np.float64)
