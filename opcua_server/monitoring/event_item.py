"""The queue of a monitored item on an event notifier (OPC 10000-4 v1.05 §5.13.1.5)."""

from __future__ import annotations

import struct
from collections import deque

from opcua_server.monitoring.event import Event
from opcua_server.monitoring.event_filter import EventFilter
from opcua_server.monitoring.sample import NotifierSource
from opcua_server.monitoring.spec import REPORTING, Spec


class EventItem:
    """Filters and queues events.

    What was lost is told by an event beyond the size of the queue, once until that is read: before all others where
    the oldest are discarded, behind them where the newest are replaced.
    """

    __slots__ = ("_filter", "_has_overflowed", "_queue", "_source", "overflows", "released", "spec", "told")

    def __init__(self, spec: Spec, source: NotifierSource, filter_: EventFilter) -> None:
        self.spec = spec
        self.overflows = 0
        self.told = 0
        """How often an event that tells of lost ones was made."""
        self.released = 0
        """How many of the oldest that wait may be published: all, or in Sampling mode those triggered."""
        self._source = source
        self._filter = filter_
        self._queue: deque[tuple[bytes, bool]] = deque()
        """Fields on the wire, and whether they are those of the event that tells of lost ones."""
        self._has_overflowed = False
        """That event is in the queue."""

    @property
    def waiting(self) -> int:
        """Notifications in the queue."""
        return len(self._queue)

    def offer(self, event: Event) -> bool:
        """Queue an event if it is told here and passes the filter; tell whether it was queued."""
        if self._source.node not in event.notifiers or not self._filter.passes(event):
            return False
        is_last = self._has_overflowed and not self.spec.discard_oldest
        self._insert(len(self._queue) - is_last, self._filter.fields(event), is_overflow=False)
        self._cut()
        if self.spec.mode == REPORTING:
            self.release()
        return True

    def follow(self, spec: Spec) -> None:
        """Go on by another spec; what waits is kept as far as it fits."""
        self.spec = spec
        if spec.event_filter is not None:
            self._filter = spec.event_filter
        self._cut()

    def shorten(self) -> None:
        """Drop the older half of what waits, whatever the policy."""
        surplus = len(self._queue) // 2
        for _ in range(surplus):
            self._remove(0)
        if surplus:
            self._tell_overflow(0)

    def take(self, limit: int) -> list[bytes]:
        """Return at most so many of the oldest notifications that are released, as EventFieldLists."""
        count = min(limit, self.released, len(self._queue))
        self.released -= count
        handle = struct.pack("<I", self.spec.handle)
        taken = [self._queue.popleft() for _ in range(count)]
        self._has_overflowed = self._has_overflowed and not any(is_overflow for _, is_overflow in taken)
        return [handle + fields for fields, _ in taken]

    def release(self) -> None:
        """Let all that waits be published."""
        self.released = len(self._queue)

    def _cut(self) -> None:
        surplus = len(self._queue) - self._has_overflowed - self.spec.size
        if surplus <= 0:
            return
        queue, oldest = self._queue, self.spec.discard_oldest
        for _ in range(surplus):
            if oldest:
                self._remove(int(queue[0][1]))
            else:  # the one before the newest, which takes its place
                self._remove(len(queue) - 2 - queue[-1][1])
        self._tell_overflow(0 if oldest else len(queue))

    def _tell_overflow(self, place: int) -> None:
        if not self._has_overflowed:
            self._has_overflowed = True
            self.told += 1
            self._insert(place, self._filter.fields(self._source.overflow()), is_overflow=True)

    def _insert(self, place: int, fields: bytes, *, is_overflow: bool) -> None:
        self._queue.insert(place, (fields, is_overflow))
        self.released += place < self.released

    def _remove(self, place: int) -> None:
        _, is_overflow = self._queue[place]
        del self._queue[place]
        self._has_overflowed = self._has_overflowed and not is_overflow
        self.overflows += not is_overflow
        self.released -= place < self.released
