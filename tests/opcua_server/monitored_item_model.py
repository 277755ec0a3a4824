"""A monitored item as OPC 10000-4 v1.05 §5.13.1 and §7.22.2 describe it: a list, one sample at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from opcua_server.monitoring.filters import ON_STATUS, ON_STATUS_VALUE
from opcua_server.monitoring.spec import DISABLED, REPORTING, SAMPLING
from plant import quality

OVERFLOW = 0x0480
"""InfoType DataValue (bit 10) and Overflow (bit 7), OPC 10000-4 v1.05 §7.38.1."""


@dataclass(frozen=True)
class Cell:
    """What a tag holds; the value of a Bad one is None."""

    value: Any
    status: int
    source: int = 0
    server: int = 0

    def is_like(self, other: Cell) -> bool:
        """Tell whether value and status are the same."""
        return self.status == other.status and (
            self.value == other.value or (self.value != self.value and other.value != other.value)
        )


@dataclass(frozen=True)
class Wanted:
    """What a client asks of an item; `sampling` in scans, 0 for every change."""

    handle: int
    sampling: int = 0
    size: int = 1
    discard_oldest: bool = True
    trigger: int = ON_STATUS_VALUE
    deadband: float = 0.0
    times: int = 0


@dataclass
class Notification:
    """A sample in the queue."""

    cell: Cell
    is_released: bool
    overflow: bool = False

    @property
    def status(self) -> int:
        return self.cell.status | (OVERFLOW if self.overflow else 0)


@dataclass
class ModelItem:
    """One monitored item."""

    row: int
    wanted: Wanted
    mode: int
    queue: list[Notification] = field(default_factory=list)
    last: Cell | None = None
    links: set[int] = field(default_factory=set)

    def offer(self, cell: Cell, *, always: bool = False) -> bool:
        """Take a sample; tell whether it was queued."""
        if not (always or self._passes(cell)):
            return False
        self.last = cell
        self.queue.append(Notification(cell, is_released=self.mode == REPORTING))
        self._discard()
        return True

    def modify(self, wanted: Wanted) -> None:
        self.wanted = wanted
        while len(self.queue) > self.wanted.size:
            self._discard()
        if self.wanted.size == 1:  # a queue of 1 has no overflow
            for each in self.queue:
                each.overflow = False

    def released(self) -> list[Notification]:
        return [each for each in self.queue if each.is_released]

    def release(self, *, is_released: bool = True) -> None:
        for each in self.queue:
            each.is_released = is_released

    def _passes(self, cell: Cell) -> bool:
        last = self.last
        if last is None or cell.status != last.status:
            return True
        if self.wanted.trigger == ON_STATUS or cell.is_like(last):
            return False
        if not self.wanted.deadband or cell.value is None:
            return True
        distance = abs(float(cell.value) - float(last.value))
        return math.isnan(distance) or distance > self.wanted.deadband

    def _discard(self) -> None:
        """Drop one sample of a queue that is too long (§5.13.1.5)."""
        if len(self.queue) <= self.wanted.size:
            return
        if self.wanted.discard_oldest or self.wanted.size == 1:
            del self.queue[0]
            marked = self.queue[0]
        else:
            del self.queue[-2]
            marked = self.queue[-1]
        marked.overflow = marked.overflow or self.wanted.size > 1


class ModelSubscription:
    """The items of a subscription, by id."""

    def __init__(self, cells: list[Cell]) -> None:
        self.cells = cells
        self.items: dict[int, ModelItem] = {}
        self._due: dict[int, int] = {}
        """When each sampling interval samples next, in scans: items of one interval share it."""

    def create(self, item_id: int, item: ModelItem, scan: int) -> None:
        self.items[item_id] = item
        self._enable([item], scan)

    def modify(self, changes: dict[int, Wanted], scan: int) -> None:
        for item_id, wanted in changes.items():
            item = self.items[item_id]
            item.modify(wanted)
            if item.mode != DISABLED:
                self._list(item, scan)
        self._sample(item for item_id in changes if not (item := self.items[item_id]).wanted.sampling)

    def set_mode(self, item_ids: list[int], mode: int, scan: int) -> None:
        enabled: list[ModelItem] = []
        for item in [self.items[item_id] for item_id in item_ids]:
            before, item.mode = item.mode, mode
            if mode == DISABLED:
                item.queue.clear()
                item.last = None
            elif before == DISABLED:
                enabled.append(item)
            elif before != mode:
                item.release(is_released=mode == REPORTING)
        self._enable(enabled, scan)

    def delete(self, item_id: int) -> None:
        del self.items[item_id]
        for item in self.items.values():
            item.links.discard(item_id)

    def sample_changes(self, rows: set[int]) -> None:
        """Sample what changed, for the items that take every change."""
        self._sample(item for item in self.items.values() if item.row in rows and not item.wanted.sampling)

    def sample_due(self, scan: int) -> None:
        """Sample by the intervals."""
        due = [interval for interval, at in self._due.items() if at <= scan]
        for interval in due:
            self._due[interval] = scan + interval
            if not any(item.wanted.sampling == interval and item.mode for item in self.items.values()):
                del self._due[interval]
        self._sample(item for item in self.items.values() if item.wanted.sampling in due)

    def resend(self) -> None:
        """Send the present values (§5.14.7.2): where a value is queued, that one goes."""
        for item in self.items.values():
            if item.mode == REPORTING and not item.queue:
                item.offer(self.cells[item.row], always=True)

    def released(self) -> int:
        return sum(len(item.released()) for item in self.items.values())

    def _enable(self, items: list[ModelItem], scan: int) -> None:
        for item in items:
            if item.mode != DISABLED:
                self._list(item, scan)
        self._sample(items)

    def _list(self, item: ModelItem, scan: int) -> None:
        if item.wanted.sampling:
            self._due.setdefault(item.wanted.sampling, scan + item.wanted.sampling)

    def _sample(self, items: Iterable[ModelItem]) -> None:
        """Sample items at one time, then let those that queued something trigger others (§5.13.1.6)."""
        enabled = [item for item in items if item.mode != DISABLED]
        queued = [item for item in enabled if item.offer(self.cells[item.row])]
        for item in queued:
            for link in item.links:
                if self.items[link].mode == SAMPLING:
                    self.items[link].release()


class ModelBank:
    """Tags, and what changed since it was last sampled: a change is sampled before the next one of its tag."""

    def __init__(self, count: int) -> None:
        self.cells = [Cell(None, quality.BAD_WAITING_FOR_INITIAL_DATA) for _ in range(count)]
        self.subscriptions: list[ModelSubscription] = []
        self._changed: set[int] = set()

    def write(self, cells: dict[int, Cell]) -> None:
        new = {row: cell for row, cell in cells.items() if not cell.is_like(self.cells[row])}
        if self._changed & new.keys():
            self.sample()
        for row, cell in new.items():
            self.cells[row] = replace(cell, source=max(cell.source, self.cells[row].source + 1))
        self._changed |= new.keys()

    def sample(self) -> None:
        for subscription in self.subscriptions:
            subscription.sample_changes(self._changed)
        self._changed.clear()
