"""Samples and publishes all subscriptions: on the scan's tick where their intervals allow it, else by a timer."""

from __future__ import annotations

import heapq
import logging
import math
from collections.abc import Callable
from operator import attrgetter

import numpy as np

from opcua_server.bank import Bank, Bits, Rows, Statuses, Ticks
from opcua_server.monitoring.subscription import Subscription

log = logging.getLogger("server")

MOST_WAITING = 20_000_000
"""Samples in all queues of all subscriptions: 640 MB where they are in columns."""
BOUND_S = 1.0
"""How often that is looked at."""
_PRIORITY = attrgetter("terms.priority")
_STALE = 100
"""Entries of a schedule that are no longer true, beyond as many as there are true ones."""


class Schedule:
    """When each subscription has something to do next."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._times: dict[int, float] = {}

    def set(self, subscription: int, time: float) -> None:
        """Set the time of one."""
        if self._times.get(subscription) != time:
            self._times[subscription] = time
            heapq.heappush(self._heap, (time, subscription))
            if len(self._heap) > 2 * len(self._times) + _STALE:
                self._heap = [(time, subscription) for subscription, time in self._times.items()]
                heapq.heapify(self._heap)

    def remove(self, subscription: int) -> None:
        """Forget one."""
        self._times.pop(subscription, None)

    def pop(self, until: float) -> list[int]:
        """Return those whose time has come; they must be set again."""
        due: list[int] = []
        while self._heap and self._heap[0][0] <= until:
            time, subscription = heapq.heappop(self._heap)
            if self._times.get(subscription) == time:
                del self._times[subscription]
                due.append(subscription)
        return due

    def next(self) -> float:
        """Return the earliest time; infinity when there is none."""
        while self._heap and self._times.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else float("inf")


class Engine:
    """All subscriptions of the server, by id.

    `align_s` is how far from a scan a subscription may be due and yet be done with it: half a scan's wall time while
    the plant runs, 0 else.
    """

    def __init__(self, bank: Bank, on_expired: Callable[[Subscription], None]) -> None:
        self._bank = bank
        self._on_expired = on_expired
        self._subscriptions: dict[int, Subscription] = {}
        self._aligned, self._free = Schedule(), Schedule()
        self._dirty: list[Rows] = []
        self._is_dirty = np.zeros(len(bank), np.bool_)
        self.align_s = 0.0
        self._bounded_at = 0.0
        bank.listeners.append(self)

    def add(self, subscription: Subscription) -> None:
        """Begin to serve a subscription."""
        self._subscriptions[subscription.id] = subscription
        self.schedule(subscription)

    def remove(self, subscription: Subscription) -> None:
        """End it."""
        self._subscriptions.pop(subscription.id, None)
        self._aligned.remove(subscription.id)
        self._free.remove(subscription.id)

    def schedule(self, subscription: Subscription) -> None:
        """Take note that a subscription's intervals may have changed."""
        is_aligned = subscription.terms.publishing_ms / 1000.0 >= 2.0 * self.align_s
        here, there = (self._aligned, self._free) if is_aligned else (self._free, self._aligned)
        there.remove(subscription.id)
        here.set(subscription.id, min(subscription.due, subscription.items.next_due()))

    def will_change(self, rows: Rows) -> None:
        """Take the value that is about to be replaced, if nobody took it yet."""
        if self._dirty and np.count_nonzero(self._is_dirty[rows]):
            self.flush()

    def changed(self, rows: Rows, bits: Bits, status: Statuses, source: Ticks, server_time: int) -> None:
        """Take note of new values; they are sampled before the next ones, or before the next tick."""
        del bits, status, source, server_time
        self._dirty.append(rows)
        self._is_dirty[rows] = True

    def flush(self) -> None:
        """Sample what has changed, for the items that take every change."""
        if not self._dirty:
            return
        rows = self._dirty[0] if len(self._dirty) == 1 else np.concatenate(self._dirty)
        self._dirty.clear()
        self._is_dirty[rows] = False
        for subscription in self._subscriptions.values():
            subscription.items.sample_rows(rows)

    def on_scan(self, now: float) -> None:
        """Do what is due about now."""
        self.flush()
        self._bound(now)
        self._run(self._aligned.pop(now + self.align_s), now, self.align_s)

    def on_timer(self, now: float) -> None:
        """Do what is due and did not find a scan."""
        self.flush()
        self._bound(now)
        self._run(self._aligned.pop(now - self.align_s), now, 0.0)
        self._run(self._free.pop(now), now, 0.0)

    def publish_all(self, now: float) -> None:
        """Sample and publish what there is, due or not: there is no later."""
        self.flush()
        for subscription in self._subscriptions.values():
            subscription.items.sample_due(now, math.inf)
            subscription.on_timer(now)

    def next_timer(self) -> float:
        """Return when `on_timer` is needed next, monotonic seconds."""
        return min(self._aligned.next() + self.align_s, self._free.next())

    def longest_queue(self, subscriptions: set[int]) -> int:
        """Return the length of the longest queue of any item of these subscriptions."""
        some = (each for each in self._subscriptions.values() if each.id in subscriptions)
        return max((subscription.items.longest() for subscription in some), default=0)

    def _bound(self, now: float) -> None:
        """Let the subscription of which most waits lose the older half, while too much waits for all."""
        if now < self._bounded_at + BOUND_S:
            return
        self._bounded_at = now
        waiting = {subscription: subscription.items.waiting for subscription in self._subscriptions.values()}
        total = sum(waiting.values())
        while total > MOST_WAITING and waiting:
            greedy = max(waiting, key=lambda subscription: waiting[subscription])
            before = waiting.pop(greedy)
            greedy.items.shorten()
            left = greedy.items.waiting
            if left < before:  # else it has queues of 1 only, of which nothing is dropped
                log.warning(
                    "subscription %d is not read: of %d samples the older %d are lost", greedy.id, before, before - left
                )
                waiting[greedy] = left
                total -= before - left

    def _run(self, due: list[int], now: float, tolerance: float) -> None:
        here = [subscription for each in due if (subscription := self._subscriptions.get(each)) is not None]
        here.sort(key=_PRIORITY, reverse=True)  # stable: of one priority the first due is served first
        for subscription in here:
            is_due = subscription.due <= now + tolerance
            # What is to be sampled with the next scan at the latest is sampled before it is published.
            subscription.items.sample_due(now, 2.0 * tolerance if is_due else tolerance)
            if is_due:
                subscription.on_timer(now)
            if subscription.is_expired:
                self._on_expired(subscription)
            else:
                self.schedule(subscription)
