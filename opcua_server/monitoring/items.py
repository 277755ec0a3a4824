"""The monitored items of one subscription: columns where they can be, one by one where not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from opcua_server.bank import Bank, Rows
from opcua_server.monitoring.group import Group, Kind
from opcua_server.monitoring.item import DISABLED, NO_ROW, REPORTING, Item, Spec
from opcua_server.monitoring.moving import batch_of, last_of, reported, samples_of
from opcua_server.monitoring.periods import due_after
from opcua_server.monitoring.queues import Batch
from opcua_server.monitoring.single import SingleItem
from opcua_server.wire.records import WIDTHS


class Items:
    """All items of a subscription, by MonitoredItemId."""

    def __init__(self, bank: Bank, *, columnar: bool = True) -> None:
        self._bank = bank
        self._columnar = columnar
        self._items: dict[int, Item] = {}
        self._groups: dict[Kind, Group] = {}
        self._singles: dict[int, Item] = {}
        self._by_row: dict[int, list[Item]] = {}
        """Singles that take every change of a row."""
        self._triggering: dict[int, Item] = {}
        """Items that have, or had, links."""
        self._due: dict[float, float] = {}
        """When each sampling interval (ms) samples next, monotonic seconds."""
        self._overflows = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def get(self, item_id: int) -> Item | None:
        """Return an item; None when there is none of this id."""
        return self._items.get(item_id)

    @property
    def singles(self) -> int:
        """Items that are kept one by one."""
        return len(self._singles)

    @property
    def overflows(self) -> int:
        """Samples that full queues have dropped."""
        groups = sum(group.overflows for group in list(self._groups.values()))
        singles = (item.single for item in list(self._singles.values()))
        return self._overflows + groups + sum(single.overflows for single in singles if single is not None)

    def longest(self) -> int:
        """Return the length of the longest queue."""
        singles = (item.single.waiting for item in self._singles.values() if item.single)
        return max(max((group.longest() for group in self._groups.values()), default=0), max(singles, default=0))

    def create(self, specs: Mapping[int, Spec], now: float) -> None:
        """Add items by their ids; each is sampled at once, unless it is disabled."""
        slots: dict[Group, list[int]] = {}
        for item_id, spec in specs.items():
            item = self._items[item_id] = Item(item_id, spec)
            if spec.mode == DISABLED:
                continue
            self._place(item, now)
            if item.group is not None:
                slots.setdefault(item.group, []).append(item.slot)
            else:
                self._sample(item)
        for group, new in slots.items():
            group.sample_slots(np.array(new, np.intp))

    def modify(self, item: Item, spec: Spec, now: float) -> None:
        """Change all but what is monitored and the mode; what waits is kept as far as it fits the new queue.

        An item that takes every change is sampled at once, since the new filter may pass what the old one held back.
        """
        spec = replace(spec, source=item.spec.source, mode=item.spec.mode)
        if spec.mode == DISABLED:
            item.spec = spec
            return
        group, single = item.group, item.single
        if group is not None and self._kind_of(item, spec) == group.kind:
            group.modify(item.slot, spec.handle, spec.size, discard_oldest=spec.discard_oldest, filter_=spec.filter)
            item.spec = spec
        elif single is not None and self._kind_of(item, spec) is None:
            self._unlist(item)
            item.spec = spec
            single.handle, single.times_mask, single.filter = spec.handle, spec.times_mask, spec.filter
            single.resize(spec.size, discard_oldest=spec.discard_oldest)
            self._list(item, now)
        else:
            self._move(item, spec, now)
        if not spec.sampling_ms:
            self._sample(item)

    def set_mode(self, item: Item, mode: int, now: float) -> None:
        """Set the MonitoringMode; a disabled item forgets what waits, an enabled one is sampled at once."""
        before, spec = item.spec.mode, replace(item.spec, mode=mode)
        if mode == before:
            return
        if mode == DISABLED:
            self._remove(item)
            item.spec = spec
        elif before == DISABLED:
            item.spec = spec
            self._place(item, now)
            self._sample(item)
        else:
            self._move(item, spec, now)

    def delete(self, item: Item) -> None:
        """End an item, and the links from and to it."""
        self._remove(item)
        del self._items[item.id]
        self._triggering.pop(item.id, None)
        for other in self._triggering.values():
            if other.links:
                other.links.discard(item.id)

    def clear(self) -> None:
        """Forget all items."""
        self._items.clear()
        self._groups.clear()
        self._singles.clear()
        self._by_row.clear()
        self._triggering.clear()
        self._due.clear()

    def link(self, item: Item, linked: Item, now: float) -> None:
        """Let one item trigger another (OPC 10000-4 v1.05 §5.13.1.6)."""
        for each in (item, linked):
            each.stays_single = True
            if each.group is not None:
                self._move(each, each.spec, now)
        item.links = item.links if item.links is not None else set()
        item.links.add(linked.id)
        self._triggering[item.id] = item

    def sample_rows(self, rows: Rows) -> None:
        """Take the present contents of these rows, for the items that take every change."""
        for kind, group in self._groups.items():
            if not kind.sampling_ms:
                group.sample(rows)
        if self._by_row:
            self._offer([item for row in self._by_row.keys() & set(rows.tolist()) for item in self._by_row[row]])

    def sample_due(self, now: float, tolerance: float) -> None:
        """Sample what is due by its sampling interval, within so many seconds."""
        due_singles: list[Item] = []
        for interval in [interval for interval, due in self._due.items() if due <= now + tolerance]:
            period = interval / 1000.0
            self._due[interval] = due_after(self._due[interval], period, now)
            groups = [group for kind, group in self._groups.items() if kind.sampling_ms == interval]
            singles = [
                item for item in self._singles.values() if item.spec.is_periodic and item.spec.sampling_ms == interval
            ]
            for group in groups:
                group.sample()
            due_singles += singles
            if not groups and not singles:
                del self._due[interval]
        self._offer(due_singles)

    def next_due(self) -> float:
        """Return when something is to be sampled next; infinity when nothing is."""
        return min(self._due.values(), default=float("inf"))

    def resend(self) -> None:
        """Queue the present value of every reporting item of which nothing waits (OPC 10000-4 v1.05 §5.14.7.2)."""
        for group in self._groups.values():
            group.resend()
        for item in self._singles.values():
            if item.single is None or item.single.waiting or item.spec.mode != REPORTING:
                continue
            sample = item.spec.source.sample()
            if sample is not None:
                item.single.offer(sample, always=True)
                item.single.release()

    def take(self, limit: int) -> tuple[list[bytes], int]:
        """Return at most so many samples that wait as MonitoredItemNotifications, and their number."""
        parts: list[bytes] = []
        count = 0
        for kind, group in list(self._groups.items()):
            if group.waiting and count < limit:
                more, taken = group.take(limit - count)
                parts += more
                count += taken
                self._groups[kind] = self._groups.pop(kind)  # the others' turn comes first next time
        for item in self._singles.values():
            if item.single is not None and item.single.released and count < limit:
                more, taken = item.single.take(limit - count)
                parts += more
                count += taken
        return parts, count

    def has_waiting(self) -> bool:
        """Tell whether there is anything to publish."""
        return any(group.waiting for group in self._groups.values()) or any(
            item.single is not None and item.single.released for item in self._singles.values()
        )

    def _kind_of(self, item: Item, spec: Spec) -> Kind | None:
        row = spec.row
        if not self._columnar or row == NO_ROW or spec.mode != REPORTING or item.stays_single:
            return None
        type_number = int(self._bank.types[row])
        if type_number not in WIDTHS:
            return None
        return Kind(type_number, spec.times_mask, spec.sampling_ms, spec.size == 1)

    def _place(self, item: Item, now: float) -> None:
        spec = item.spec
        kind = self._kind_of(item, spec)
        if kind is None:
            item.single = SingleItem(
                spec.handle, spec.times_mask, spec.size, discard_oldest=spec.discard_oldest, filter_=spec.filter
            )
            self._singles[item.id] = item
        else:
            item.group = self._groups.get(kind) or self._groups.setdefault(kind, Group(kind, self._bank))
            item.slot = item.group.add(
                spec.row, spec.handle, spec.size, discard_oldest=spec.discard_oldest, filter_=spec.filter
            )
        self._list(item, now)

    def _list(self, item: Item, now: float) -> None:
        spec = item.spec
        if spec.is_periodic:
            self._due.setdefault(spec.sampling_ms, now + spec.sampling_ms / 1000.0)
        elif item.single is not None and spec.row != NO_ROW:
            self._by_row.setdefault(spec.row, []).append(item)

    def _unlist(self, item: Item) -> None:
        row = item.spec.row
        if item in self._by_row.get(row, ()):
            self._by_row[row].remove(item)
            if not self._by_row[row]:
                del self._by_row[row]

    def _remove(self, item: Item) -> tuple[Batch, tuple[int, int]] | None:
        if item.group is not None:
            left = item.group.remove(item.slot)
            if not item.group.count:
                self._overflows += item.group.overflows
                del self._groups[item.group.kind]
            item.group, item.slot = None, -1
            return left
        if item.single is not None:
            self._unlist(item)
            self._overflows += item.single.overflows
            del self._singles[item.id]
            item.single = None
        return None

    def _move(self, item: Item, spec: Spec, now: float) -> None:
        """Keep an item elsewhere, with what waits of it."""
        single = item.single
        left = self._remove(item)
        item.spec = spec
        self._place(item, now)
        if item.single is not None and left is not None:
            waiting, last = left
            type_number = int(self._bank.types[spec.row])
            item.single.adopt(last_of(type_number, last), samples_of(type_number, waiting))
        elif item.single is not None and single is not None:
            item.single.adopt(*single.state())
        elif item.group is not None and left is not None:
            item.group.adopt(item.slot, *left)
        elif item.group is not None and single is not None:
            last_sample, queued = single.state()
            item.group.adopt(item.slot, batch_of(queued), reported(last_sample))
        if item.single is not None:
            item.single.resize(spec.size, discard_oldest=spec.discard_oldest)
            if spec.mode == REPORTING:
                item.single.release()

    def _sample(self, item: Item) -> None:
        if item.group is not None:
            item.group.sample_slots(np.array([item.slot], np.intp))
        else:
            self._offer([item])

    def _offer(self, items: list[Item]) -> None:
        """Sample singles at one time, then let those that queued something trigger others."""
        triggered: set[int] = set()
        for item in items:
            single, sample = item.single, item.spec.source.sample()
            if single is None or sample is None or not single.offer(sample):
                continue
            if item.spec.mode == REPORTING:
                single.release()
            if item.links:
                triggered |= item.links
        for linked in self._linked(triggered):
            linked.release()

    def _linked(self, ids: Iterable[int]) -> Iterator[SingleItem]:
        for item_id in ids:
            single = self._items[item_id].single
            if single is not None:
                yield single
