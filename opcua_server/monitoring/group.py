"""Monitored items of one subscription that are alike, as columns: sampled, filtered, queued and encoded together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from opcua_server.bank import Bank, Bits, Rows, Statuses, Ticks
from opcua_server.monitoring.batch import Batch, Left, joined, ranks, unmarked
from opcua_server.monitoring.filters import NO_FILTER, ON_STATUS_VALUE, Filter, passes
from opcua_server.monitoring.queues import LatestQueue, LogQueue, grown
from opcua_server.monitoring.spec import Spec
from opcua_server.wire.records import encode
from plant import quality

_FEW = 64
"""Rows that are looked up one by one rather than by looking at every item."""
NEVER = 0xFFFF_FFFF
"""No sample has this status: the first one always passes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the items of a group have in common."""

    type_number: int
    times_mask: int
    """Timestamps to return, as bits of a DataValue's encoding mask."""
    sampling_ms: float
    """0: every change is a sample."""
    keeps_latest: bool
    """The queue size is 1."""


class Group:
    """The items of one kind; an item is known by its slot."""

    def __init__(self, kind: Kind, bank: Bank) -> None:
        self.kind = kind
        self._bank = bank
        self._queue: LatestQueue | LogQueue = LatestQueue() if kind.keeps_latest else LogQueue()
        self._rows: Rows = np.zeros(0, np.intp)
        self._handles: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self._active = np.zeros(0, np.bool_)
        self._trigger: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self._deadband: NDArray[np.float64] = np.zeros(0, np.float64)
        self._last_bits: Bits = np.zeros(0, np.uint64)
        self._last_status: Statuses = np.zeros(0, np.uint32)
        self._free: list[int] = []
        self._used = 0
        self._filtered = 0
        self._by_row: tuple[NDArray[np.intp], Rows] | None = None
        self.count = 0
        """Items."""

    @property
    def waiting(self) -> int:
        """Samples that wait to be published."""
        return self._queue.waiting

    @property
    def overflows(self) -> int:
        """Samples dropped because a queue was full."""
        return self._queue.overflows

    def longest(self) -> int:
        """Return the length of the longest queue."""
        return self._queue.longest()

    def add(self, specs: Sequence[Spec]) -> Rows:
        """Add items and return their slots; they have no sample yet."""
        while len(self._free) < len(specs):
            self._grow()
        slots = np.array([self._free.pop() for _ in specs], np.intp)
        self._used = max(self._used, int(slots.max()) + 1)
        self._rows[slots] = [spec.row for spec in specs]
        self._active[slots] = True
        self._last_bits[slots], self._last_status[slots] = 0, NEVER
        self._by_row = None
        self.count += len(specs)
        self.modify(slots, specs)
        return slots

    def modify(self, slots: Rows, specs: Sequence[Spec]) -> None:
        """Change what does not make different items ones of another kind."""
        self._handles[slots] = [spec.handle for spec in specs]
        self._set_filters(slots, [spec.filter for spec in specs])
        sizes = np.array([spec.size for spec in specs], np.uint32)
        self._queue.resize(slots, sizes, np.array([spec.discard_oldest for spec in specs], np.bool_))

    def remove(self, slots: Rows) -> Left:
        """End different items; return what they leave."""
        waiting = self._queue.drain(slots)
        places = np.zeros(len(self._rows), np.intp)
        places[slots] = np.arange(len(slots))
        waiting.slots = places[waiting.slots]
        left = Left(waiting, self._last_bits[slots], self._last_status[slots])
        self._queue.resize(slots, np.zeros(len(slots), np.uint32), np.ones(len(slots), np.bool_))
        self._set_filters(slots, [NO_FILTER] * len(slots))
        self._active[slots] = False
        self._free += slots.tolist()
        self._by_row = None
        self.count -= len(slots)
        return left

    def adopt(self, slots: Rows, left: Left) -> None:
        """Go on with what items left elsewhere; a queue of 1 has no overflow to mark (OPC 10000-4 v1.05 §5.13.1.5)."""
        self._last_bits[slots], self._last_status[slots] = left.bits, left.status
        waiting = left.waiting
        if self.kind.keeps_latest:
            waiting.status = unmarked(waiting.status)
        rank = ranks(waiting.slots)
        order = np.argsort(rank, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(rank[order])) + 1) if len(order) else ():
            batch = waiting.at(part)
            batch.slots = slots[batch.slots]
            self._queue.put(batch)

    def shorten(self) -> None:
        """Drop the older half of what waits."""
        self._queue.shorten()

    def sample(self, rows: Rows | None = None) -> None:
        """Queue what the bank holds, of all items or of those of some rows, where it passes the filter."""
        if rows is not None and len(rows) <= _FEW:
            self.sample_slots(self._slots_of(rows))
        elif self.count == self._used:
            self.sample_slots(np.arange(self._used))
        else:
            self.sample_slots(np.flatnonzero(self._active[: self._used]))

    def sample_slots(self, slots: Rows) -> None:
        """Queue what the bank holds of these items, where it passes the filter."""
        if not len(slots):
            return
        bank, rows = self._bank, self._rows[slots]
        bits, status = bank.bits[rows], bank.status[rows]
        last_bits, last_status = self._last_bits[slots], self._last_status[slots]
        if self._filtered:
            last, new = (last_bits, last_status), (bits, status)
            hit = passes(self.kind.type_number, self._trigger[slots], self._deadband[slots], last, new)
        else:
            hit = (bits != last_bits) | (status != last_status)
        if not hit.all():
            slots, bits, status, rows = slots[hit], bits[hit], status[hit], rows[hit]
        self._report(slots, rows, bits, status)

    def resend(self) -> None:
        """Queue the present value of every item of which nothing waits, whatever was reported last."""
        slots = np.flatnonzero(self._active[: self._used] & ~self._queue.has_waiting()[: self._used])
        rows = self._rows[slots]
        self._report(slots, rows, self._bank.bits[rows], self._bank.status[rows])

    def take(self, limit: int) -> tuple[list[bytes], int]:
        """Return at most so many of the oldest samples as MonitoredItemNotifications, and their number."""
        batches = self._queue.take(limit)
        if not any(batch.status.any() for batch in batches):
            batches = [joined(batches)] if batches else []
        parts: list[bytes] = []
        for batch in batches:
            run = _by_severity(batch)
            handles = self._handles[run.slots]
            parts += encode(
                self.kind.type_number, self.kind.times_mask, handles, run.bits, run.status, run.source, run.server
            )
        return parts, sum(len(batch) for batch in batches)

    def _report(self, slots: Rows, rows: Rows, bits: Bits, status: Statuses) -> None:
        if not len(slots):
            return
        self._last_bits[slots], self._last_status[slots] = bits, status
        source: Ticks = self._bank.source[rows]
        self._queue.put(Batch(slots, bits, status, source, self._bank.server[rows]))

    def _set_filters(self, slots: Rows, filters: Sequence[Filter]) -> None:
        self._filtered -= self._count_filtered(slots)
        self._deadband[slots] = [filter_.deadband for filter_ in filters]
        self._trigger[slots] = [filter_.trigger for filter_ in filters]
        self._filtered += self._count_filtered(slots)

    def _count_filtered(self, slots: Rows) -> int:
        return int(np.count_nonzero((self._deadband[slots] != 0.0) | (self._trigger[slots] != ON_STATUS_VALUE)))

    def _slots_of(self, rows: Rows) -> Rows:
        if self._by_row is None:
            order = np.argsort(self._rows[: self._used], kind="stable")
            order = order[self._active[order]]
            self._by_row = order, self._rows[order]
        order, sorted_rows = self._by_row
        first, last = np.searchsorted(sorted_rows, rows), np.searchsorted(sorted_rows, rows, side="right")
        places = np.flatnonzero(last > first)
        if not len(places):
            return np.zeros(0, np.intp)
        return np.concatenate([order[first[place] : last[place]] for place in places])

    def _grow(self) -> None:
        length = max(16, 2 * len(self._rows))
        self._free += range(length - 1, len(self._rows) - 1, -1)
        for name in ("_rows", "_handles", "_active", "_trigger", "_deadband", "_last_bits", "_last_status"):
            setattr(self, name, grown(getattr(self, name), length))
        self._trigger[self._used :] = ON_STATUS_VALUE
        self._queue.grow(length)


def _by_severity(batch: Batch) -> Batch:
    """Return samples of different slots in as few runs of one layout as there are."""
    if not batch.status.any():
        return batch
    severity = (batch.status >= quality.BAD).astype(np.uint8) + (batch.status != quality.GOOD)
    return batch.at(np.argsort(severity, kind="stable"))
