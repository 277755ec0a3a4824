"""Monitored items of one subscription that are alike, as columns: sampled, filtered, queued and encoded together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from opcua_server.bank import Bank, Bits, Rows, Statuses, Ticks
from opcua_server.monitoring.filters import NO_FILTER, ON_STATUS_VALUE, Filter, passes
from opcua_server.monitoring.queues import Batch, LatestQueue, LogQueue, grown, joined
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
    is_single: bool
    """The queue size is 1."""


class Group:
    """The items of one kind; an item is known by its slot."""

    def __init__(self, kind: Kind, bank: Bank) -> None:
        self.kind = kind
        self._bank = bank
        self._queue: LatestQueue | LogQueue = LatestQueue() if kind.is_single else LogQueue()
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

    def add(self, row: int, handle: int, size: int, *, discard_oldest: bool, filter_: Filter = NO_FILTER) -> int:
        """Add an item and return its slot; it has no sample yet."""
        if not self._free:
            self._grow()
        slot = self._free.pop()
        self._used = max(self._used, slot + 1)
        self._rows[slot], self._handles[slot], self._active[slot] = row, handle, True
        self._last_bits[slot], self._last_status[slot] = 0, NEVER
        self._set_filter(slot, filter_)
        self._queue.resize(slot, size, discard_oldest=discard_oldest)
        self._by_row = None
        self.count += 1
        return slot

    def modify(self, slot: int, handle: int, size: int, *, discard_oldest: bool, filter_: Filter) -> None:
        """Change what does not make the item one of another kind."""
        self._handles[slot] = handle
        self._set_filter(slot, filter_)
        self._queue.resize(slot, size, discard_oldest=discard_oldest)

    def remove(self, slot: int) -> tuple[Batch, tuple[int, int]]:
        """End an item; return what waits of it, and (bits, status) of what was reported last."""
        waiting = self._queue.drain(slot)
        last = int(self._last_bits[slot]), int(self._last_status[slot])
        self._queue.resize(slot, 0, discard_oldest=True)
        self._set_filter(slot, NO_FILTER)
        self._active[slot] = False
        self._free.append(slot)
        self._by_row = None
        self.count -= 1
        return waiting, last

    def adopt(self, slot: int, waiting: Batch, last: tuple[int, int]) -> None:
        """Go on with what an item of another group left."""
        self._last_bits[slot], self._last_status[slot] = last
        for index in range(len(waiting)):
            sample = waiting.at(slice(index, index + 1))
            sample.slots = np.array([slot], np.intp)
            self._queue.put(sample)

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

    def _set_filter(self, slot: int, filter_: Filter) -> None:
        before = self._deadband[slot] != 0.0 or self._trigger[slot] != ON_STATUS_VALUE
        self._deadband[slot], self._trigger[slot] = filter_.deadband, filter_.trigger
        self._filtered += int(filter_ != NO_FILTER) - int(before)

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
