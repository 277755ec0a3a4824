"""Queues of a group of monitored items, as columns (OPC 10000-4 v1.05 §5.13.1.5)."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from opcua_server.bank import Bits, Rows, Statuses, Ticks
from opcua_server.monitoring.batch import OVERFLOW, Batch, joined, ranks

_SLACK = 4096
Sizes = NDArray[np.uint32]


def grown(column: NDArray[np.generic], length: int) -> NDArray[np.generic]:
    """Return a column of this length that begins as the given one."""
    longer = np.zeros(length, column.dtype)
    longer[: len(column)] = column
    return longer


class LatestQueue:
    """Queues of size 1: the newest sample replaces what waits, and nothing is marked (§5.13.1.5)."""

    def __init__(self) -> None:
        self._waits = np.zeros(0, np.bool_)
        self._bits: Bits = np.zeros(0, np.uint64)
        self._status: Statuses = np.zeros(0, np.uint32)
        self._source: Ticks = np.zeros(0, np.int64)
        self._server: Ticks = np.zeros(0, np.int64)
        self._next = 0
        """The slot whose turn it is where not all are taken."""
        self.overflows = 0
        self.waiting = 0

    def grow(self, length: int) -> None:
        """Have room for so many slots."""
        for name in ("_waits", "_bits", "_status", "_source", "_server"):
            setattr(self, name, grown(getattr(self, name), length))

    def resize(self, slots: Rows, sizes: Sizes, discards_oldest: NDArray[np.bool_]) -> None:
        """Have nothing to remember: the size is 1."""

    def put(self, batch: Batch) -> None:
        """Take samples of different slots."""
        slots = batch.slots
        self.waiting += len(slots) - int(np.count_nonzero(self._waits[slots]))
        self._waits[slots] = True
        self._bits[slots], self._status[slots] = batch.bits, batch.status
        self._source[slots], self._server[slots] = batch.source, batch.server

    def take(self, limit: int) -> list[Batch]:
        """Return at most so many samples, of different slots, and forget them."""
        slots = np.flatnonzero(self._waits)
        if len(slots) > limit:
            slots = slots[in_turn(slots, self._next)]
            slots = slots[np.argsort(self._source[slots], kind="stable")[:limit]]
            self._next = int(slots[-1]) + 1
        return [self._pop(slots)] if len(slots) else []

    def drain(self, slots: Rows) -> Batch:
        """Return all samples of some slots, and forget them."""
        return self._pop(slots[self._waits[slots]])

    def shorten(self) -> None:
        """Keep what waits: there is no less of a queue."""

    def _pop(self, slots: Rows) -> Batch:
        self._waits[slots] = False
        self.waiting -= len(slots)
        return Batch(slots, self._bits[slots], self._status[slots], self._source[slots], self._server[slots])

    def longest(self) -> int:
        """Return the length of the longest queue."""
        return int(self.waiting > 0)

    def has_waiting(self) -> NDArray[np.bool_]:
        """Tell of each slot whether anything waits."""
        return self._waits


class LogQueue:
    """Queues of more: one log for all slots, cut to their sizes when it is read or has grown long.

    Cutting late gives what cutting at once gives: of a queue that discards the oldest its last samples stay, the first
    of them marked; of one that discards the newest its first samples and the very last one, that one marked.
    """

    def __init__(self) -> None:
        self._log: deque[Batch] = deque()
        self._sizes: Sizes = np.zeros(0, np.uint32)
        self._discards_oldest = np.zeros(0, np.bool_)
        self._queued: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self._lost = np.zeros(0, np.bool_)
        """Slots whose oldest sample was dropped since: the one that is now the oldest is to be marked."""
        self._next = 0
        """The slot whose turn it is where not all of a batch are taken."""
        self._room = 0
        self._is_over = False
        self.overflows = 0
        """Samples dropped."""
        self.waiting = 0

    def grow(self, length: int) -> None:
        """Have room for so many slots."""
        for name in ("_sizes", "_discards_oldest", "_queued", "_lost"):
            setattr(self, name, grown(getattr(self, name), length))

    def resize(self, slots: Rows, sizes: Sizes, discards_oldest: NDArray[np.bool_]) -> None:
        """Set sizes and policies of different slots, 0 to end them; what waits is kept as far as it fits."""
        self._settle()
        self._room += int(sizes.sum()) - int(self._sizes[slots].sum())
        self._sizes[slots], self._discards_oldest[slots] = sizes, discards_oldest
        self._lost[slots] &= sizes > 0
        self._is_over = bool(np.count_nonzero(self._queued[slots] > sizes)) or self._is_over
        self._settle()

    def put(self, batch: Batch) -> None:
        """Take samples of different slots."""
        self._log.append(batch)
        self._queued[batch.slots] += np.uint32(1)
        self.waiting += len(batch)
        if not self._is_over:
            self._is_over = bool((self._queued[batch.slots] > self._sizes[batch.slots]).any())
        while self._is_over and self._drop_oldest_batch():
            pass
        if self._is_over and self.waiting > 2 * self._room + _SLACK:
            self._settle()

    def take(self, limit: int) -> list[Batch]:
        """Return at most so many of the oldest samples, each batch of different slots, and forget them."""
        self._settle()
        taken: list[Batch] = []
        left = limit
        while self._log and left:
            batch = self._log.popleft()
            if len(batch) > left:
                order = in_turn(batch.slots, self._next)
                self._log.appendleft(batch.at(order[left:]))
                batch = batch.at(order[:left])
                self._next = int(batch.slots[-1]) + 1
            taken.append(batch)
            left -= len(batch)
        self.waiting -= limit - left
        if not self.waiting:
            self._queued[:] = 0
        else:
            for batch in taken:
                np.subtract.at(self._queued, batch.slots, np.uint32(1))
        return taken

    def drain(self, slots: Rows) -> Batch:
        """Return all samples of some slots, and forget them."""
        self._settle()
        is_drained = np.zeros(len(self._sizes), np.bool_)
        is_drained[slots] = True
        parts = [(batch, is_drained[batch.slots]) for batch in self._log]
        drained = joined([batch.at(own) for batch, own in parts])
        self._log = deque(batch.at(~own) for batch, own in parts if not own.all())
        self.waiting -= len(drained)
        self._queued[slots] = 0
        return drained

    def shorten(self) -> None:
        """Drop the older half of what waits, whatever the policies."""
        self._settle()
        half = self.waiting // 2
        while self.waiting > half:
            self._lose_oldest_batch()

    def longest(self) -> int:
        """Return the length of the longest queue."""
        return int(np.minimum(self._queued, self._sizes).max(initial=0))

    def has_waiting(self) -> NDArray[np.bool_]:
        """Tell of each slot whether anything waits."""
        return self._queued > 0

    def _drop_oldest_batch(self) -> bool:
        """Drop the oldest batch if each of its samples is to be dropped, and tell whether it was."""
        slots = self._log[0].slots
        surplus = self._queued[slots] > self._sizes[slots]
        if not (surplus & self._discards_oldest[slots]).all():
            return False
        self._lose_oldest_batch()
        self._is_over = bool((self._queued > self._sizes).any())
        return self._is_over

    def _lose_oldest_batch(self) -> None:
        slots = self._log.popleft().slots
        self._queued[slots] -= np.uint32(1)
        self._lost[slots] = self._sizes[slots] > 1
        self.waiting -= len(slots)
        self.overflows += len(slots)

    def _settle(self) -> None:
        self._cut()
        self._mark()

    def _mark(self) -> None:
        """Mark the oldest sample of each slot that has lost one before it."""
        if not (self._lost & (self._queued > 0)).any():
            return
        for batch in self._log:
            after_a_loss = self._lost[batch.slots]
            if after_a_loss.any():
                batch.status = np.where(after_a_loss, batch.status | np.uint32(OVERFLOW), batch.status)
                self._lost[batch.slots] = False

    def _cut(self) -> None:
        if not self._is_over:
            return
        self._is_over = False
        all_ = joined(list(self._log))
        ends = np.cumsum([len(batch) for batch in self._log])
        size, queued = self._sizes[all_.slots], self._queued[all_.slots]
        over = np.flatnonzero(queued > size)
        rank = np.zeros(len(all_), np.int64)
        rank[over] = ranks(all_.slots[over])
        size, queued = size.astype(np.int64), queued.astype(np.int64)
        newest = self._discards_oldest[all_.slots]
        keep = np.ones(len(all_), np.bool_)
        marked = np.zeros(len(all_), np.bool_)
        surplus = (queued - size)[over]
        keep[over] = np.where(
            newest[over],
            rank[over] >= surplus,
            (rank[over] < size[over] - 1) | ((rank[over] == queued[over] - 1) & (size[over] > 0)),
        )
        marked[over] = np.where(newest[over], rank[over] == surplus, rank[over] == queued[over] - 1)
        marked &= keep & (size > 1)
        all_.status = np.where(marked, all_.status | np.uint32(OVERFLOW), all_.status)
        kept = zip(ends.tolist(), _split(all_, ends), strict=True)
        parts = (part.at(keep[end - len(part) : end]) for end, part in kept)
        self._log = deque(part for part in parts if len(part))
        dropped = len(all_) - int(np.count_nonzero(keep))
        self.overflows += dropped
        self.waiting -= dropped
        self._queued[:] = np.minimum(self._queued, self._sizes)


def in_turn(slots: Rows, first: int) -> Rows:
    """Return the places of different slots in the order of their turns, which come round to each."""
    return np.argsort((slots - first) % (int(slots.max()) + 1), kind="stable")


def _split(batch: Batch, ends: NDArray[np.intp]) -> list[Batch]:
    starts = np.append(0, ends[:-1]).tolist()
    return [batch.at(slice(start, end)) for start, end in zip(starts, ends.tolist(), strict=True)]
