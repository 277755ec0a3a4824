"""Samples of many monitored items as columns, and the Overflow bit of their statuses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from opcua_server.bank import Bits, Rows, Statuses, Ticks

OVERFLOW = 0x480
"""InfoType DataValue with the Overflow bit (OPC 10000-4 v1.05 §7.38.1)."""
_OVERFLOW_BIT, _LIMIT_BITS, _INFO_TYPE = (np.uint32(bits) for bits in (0x80, 0x300, 0x400))


@dataclass(slots=True)
class Batch:
    """Samples, columns of equal length, in order of time for each slot."""

    slots: Rows
    bits: Bits
    status: Statuses
    source: Ticks
    server: Ticks

    def __len__(self) -> int:
        return len(self.slots)

    def at(self, where: NDArray[np.bool_] | Rows | slice) -> Batch:
        """Return some of them."""
        return Batch(self.slots[where], self.bits[where], self.status[where], self.source[where], self.server[where])


@dataclass(slots=True)
class Left:
    """What items leave when they go elsewhere: what waits, its slots being their places, and the last reports."""

    waiting: Batch
    bits: Bits
    status: Statuses

    def of(self, places: Rows) -> Left:
        """Return what some of them leave, their places anew."""
        new_places = np.full(len(self.bits), -1, np.intp)
        new_places[places] = np.arange(len(places))
        waiting = self.waiting.at(new_places[self.waiting.slots] >= 0)
        waiting.slots = new_places[waiting.slots]
        return Left(waiting, self.bits[places], self.status[places])


def joined(batches: list[Batch]) -> Batch:
    """Return all samples in their order."""
    if len(batches) == 1:
        return batches[0]
    return Batch(
        np.concatenate([np.zeros(0, np.intp), *(batch.slots for batch in batches)]),
        np.concatenate([np.zeros(0, np.uint64), *(batch.bits for batch in batches)]),
        np.concatenate([np.zeros(0, np.uint32), *(batch.status for batch in batches)]),
        np.concatenate([np.zeros(0, np.int64), *(batch.source for batch in batches)]),
        np.concatenate([np.zeros(0, np.int64), *(batch.server for batch in batches)]),
    )


def ranks(slots: Rows) -> NDArray[np.int64]:
    """Return of each sample how many of its slot are before it."""
    order = np.argsort(slots, kind="stable")
    in_order = slots[order]
    starts = np.flatnonzero(np.append(True, in_order[1:] != in_order[:-1]))
    lengths = np.diff(np.append(starts, len(slots)))
    rank = np.zeros(len(slots), np.int64)
    rank[order] = np.arange(len(slots)) - np.repeat(starts, lengths)
    return rank


def is_marked(status: Statuses) -> NDArray[np.bool_]:
    """Tell which statuses have the Overflow bit."""
    marked: NDArray[np.bool_] = (status & _OVERFLOW_BIT) != 0
    return marked


def unmarked(status: Statuses) -> Statuses:
    """Return statuses without the Overflow bit, nor an InfoType that said nothing else."""
    bare = status & ~_OVERFLOW_BIT
    said_no_more = is_marked(status) & ((bare & _LIMIT_BITS) == 0)
    return np.where(said_no_more, bare & ~_INFO_TYPE, bare)
