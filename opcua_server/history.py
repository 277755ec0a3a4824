"""The last hour of the recorded tags in memory, as blocks of columns."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from opcua_server.bank import Bank, Bits, Rows, Statuses, Ticks
from plant.clock import TICKS_PER_SECOND

KEPT_TICKS = 3600 * TICKS_PER_SECOND
BLOCK = 65_536
"""Samples of a block: 2 MiB."""
SAMPLE_BYTES = 32
_KEPT_TEXTS = 10_000
"""Samples of one text tag."""


@dataclass(frozen=True, slots=True)
class Samples:
    """One tag's samples in order of time, columns of equal length; texts where the tag is a text, else none."""

    times: Ticks
    server_times: Ticks
    statuses: Statuses
    bits: Bits
    texts: list[str | None] | None = None

    def __len__(self) -> int:
        return len(self.times)


class _Block:
    """Samples in order of arrival; once full, in order of row."""

    __slots__ = ("bits", "filled", "last_time", "rows", "server_times", "statuses", "times")

    def __init__(self) -> None:
        self.rows = np.empty(BLOCK, np.uint32)
        self.times: Ticks = np.empty(BLOCK, np.int64)
        self.server_times: Ticks = np.empty(BLOCK, np.int64)
        self.statuses: Statuses = np.empty(BLOCK, np.uint32)
        self.bits: Bits = np.empty(BLOCK, np.uint64)
        self.filled = 0
        self.last_time = 0

    def append(self, rows: Rows, bits: Bits, status: Statuses, times: Ticks, server_time: int) -> int:
        """Take as many as there is room for, and say how many that is."""
        taken = min(len(rows), BLOCK - self.filled)
        part = slice(self.filled, self.filled + taken)
        self.rows[part], self.bits[part], self.statuses[part] = rows[:taken], bits[:taken], status[:taken]
        self.times[part], self.server_times[part] = times[:taken], server_time
        self.filled += taken
        if taken:
            self.last_time = int(times[taken - 1])
        return taken

    def seal(self) -> None:
        """Sort by row, so that a row's samples are found by bisection."""
        order = np.argsort(self.rows, kind="stable")
        for name in ("rows", "times", "server_times", "statuses", "bits"):
            setattr(self, name, getattr(self, name)[order])

    def find(self, row: int) -> NDArray[np.intp] | slice:
        """Return where a row's samples are."""
        if self.filled == BLOCK:
            first, last = np.searchsorted(self.rows, [row, row + 1])
            return slice(int(first), int(last))
        return np.flatnonzero(self.rows[: self.filled] == row)


class History:
    """What the bank held in the last hour of plant time; the oldest blocks go first where memory is bounded."""

    def __init__(self, bank: Bank, recorded: NDArray[np.bool_], max_bytes: int) -> None:
        self._bank = bank
        self._recorded = recorded
        self._blocks: deque[_Block] = deque([_Block()])
        self._most_blocks = max(2, max_bytes // (BLOCK * SAMPLE_BYTES))
        self._texts: dict[int, deque[tuple[int, int, int, str | None]]] = {
            row: deque(maxlen=_KEPT_TEXTS) for row in bank.texts if recorded[row]
        }
        bank.listeners.append(self)

    def will_change(self, rows: Rows) -> None:
        """Do nothing: what rows held was recorded when they got it."""

    def changed(self, rows: Rows, bits: Bits, status: Statuses, source: Ticks, server_time: int) -> None:
        """Record."""
        kept = self._recorded[rows]
        if np.count_nonzero(kept) < len(kept):
            rows, bits, status, source = rows[kept], bits[kept], status[kept], source[kept]
        if len(rows) == 1 and (texts := self._texts.get(int(rows[0]))) is not None:
            texts.append((int(source[0]), server_time, int(status[0]), self._bank.texts[int(rows[0])]))
            return
        done = 0
        while done < len(rows):
            block = self._blocks[-1]
            done += block.append(rows[done:], bits[done:], status[done:], source[done:], server_time)
            if block.filled == BLOCK:
                block.seal()
                self._blocks.append(_Block())
                self._forget(int(source[-1]) - KEPT_TICKS)

    def samples(self, row: int) -> Samples:
        """Return all samples of a row."""
        if row in self._texts:
            kept = self._texts[row]
            columns = [np.array([sample[place] for sample in kept], np.int64) for place in range(3)]
            texts = [sample[3] for sample in kept]
            none = np.zeros(len(kept), np.uint64)
            return Samples(columns[0], columns[1], columns[2].astype(np.uint32), none, texts)
        found = [(block, block.find(row)) for block in self._blocks]
        return Samples(
            np.concatenate([block.times[where] for block, where in found]),
            np.concatenate([block.server_times[where] for block, where in found]),
            np.concatenate([block.statuses[where] for block, where in found]),
            np.concatenate([block.bits[where] for block, where in found]),
        )

    def _forget(self, before: int) -> None:
        while len(self._blocks) > 2 and (self._blocks[0].last_time < before or len(self._blocks) > self._most_blocks):
            self._blocks.popleft()
