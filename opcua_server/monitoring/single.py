"""A monitored item on its own, for what no group of columns holds: texts, any attribute, Sampling mode, triggering."""

from __future__ import annotations

import struct
from collections import deque
from itertools import islice

from opcua_server.monitoring.batch import OVERFLOW
from opcua_server.monitoring.filters import ON_STATUS
from opcua_server.monitoring.sample import Sample
from opcua_server.monitoring.spec import Spec


class SingleItem:
    """Filters and queues the samples of one attribute (OPC 10000-4 v1.05 §5.13.1)."""

    __slots__ = ("_last", "_queue", "overflows", "released", "spec")

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.overflows = 0
        self.released = 0
        """How many of the oldest samples that wait may be published: all, or in Sampling mode those triggered."""
        self._queue: deque[tuple[Sample, int]] = deque()
        self._last: Sample | None = None

    @property
    def waiting(self) -> int:
        """Samples in the queue."""
        return len(self._queue)

    def offer(self, sample: Sample, *, always: bool = False) -> bool:
        """Queue a sample if it passes the filter, or in any case; tell whether it was queued."""
        if not always and not self._passes(sample):
            return False
        self._last = sample
        self._queue.append((sample, 0))
        self._cut()
        return True

    def follow(self, spec: Spec) -> None:
        """Go on by another spec; what waits is kept as far as it fits."""
        self.spec = spec
        self._cut()
        if spec.size == 1:
            self._queue = deque((sample, 0) for sample, _ in self._queue)

    def shorten(self) -> None:
        """Drop the older half of what waits, whatever the policy."""
        for _ in range(len(self._queue) // 2):
            self._queue.popleft()
            self.overflows += 1
            self.released = max(0, self.released - 1)
            self._queue[0] = self._queue[0][0], OVERFLOW

    def take(self, limit: int) -> tuple[list[bytes], int]:
        """Return at most so many of the oldest samples that are released, and their number."""
        count = min(limit, self.released, len(self._queue))
        self.released -= count
        handle = struct.pack("<I", self.spec.handle)
        taken = [self._queue.popleft() for _ in range(count)]
        return [handle + sample.data_value(self.spec.times_mask, bits) for sample, bits in taken], count

    def _passes(self, sample: Sample) -> bool:
        last = self._last
        if last is None or sample.status != last.status:
            return True
        if self.spec.filter.trigger == ON_STATUS or sample.variant == last.variant:
            return False
        if self.spec.filter.deadband and sample.number is not None and last.number is not None:
            return not abs(sample.number - last.number) <= self.spec.filter.deadband
        return True

    def _cut(self) -> None:
        size = self.spec.size
        surplus = len(self._queue) - size
        if surplus <= 0:
            return
        if size > 1:
            self.overflows += surplus
        if self.spec.discard_oldest:
            for _ in range(surplus):
                self._queue.popleft()
            self.released = max(0, self.released - surplus)
            marked = 0
        else:
            self.released = min(self.released, size - (self.released < len(self._queue)))
            newest = self._queue[-1]
            self._queue = deque(islice(self._queue, size - 1))
            self._queue.append(newest)
            marked = size - 1
        if size > 1:
            self._queue[marked] = self._queue[marked][0], OVERFLOW

    def adopt(self, last: Sample | None, waiting: list[tuple[Sample, int]]) -> None:
        """Go on with what the item left in a group: the last report, and samples with their info bits."""
        self._last = last
        self._queue.extend(waiting)

    def state(self) -> tuple[Sample | None, list[tuple[Sample, int]]]:
        """Return what `adopt` takes."""
        return self._last, list(self._queue)

    def release(self) -> None:
        """Let all that waits be published."""
        self.released = len(self._queue)
