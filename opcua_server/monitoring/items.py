"""The monitored items of one subscription: what is agreed, sampled, triggered and published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from opcua_server.bank import Bank, Rows
from opcua_server.monitoring.event import Event
from opcua_server.monitoring.event_item import EventItem
from opcua_server.monitoring.group import Group
from opcua_server.monitoring.item import Item
from opcua_server.monitoring.notifications import Notifications
from opcua_server.monitoring.periods import due_after
from opcua_server.monitoring.placement import Placement, by_group, slots_of
from opcua_server.monitoring.sample import Source
from opcua_server.monitoring.single import SingleItem
from opcua_server.monitoring.spec import DISABLED, REPORTING, Spec


class Items:
    """All items of a subscription, by MonitoredItemId."""

    def __init__(self, bank: Bank, *, columnar: bool = True) -> None:
        self._items: dict[int, Item] = {}
        self._placed = Placement(bank, columnar=columnar)
        self._triggering: dict[int, Item] = {}
        """Items that have, or had, links."""
        self._due: dict[float, float] = {}
        """When each sampling interval (ms) samples next, monotonic seconds."""
        self._turn = 0
        """Events have half of each message, and singles half of the rest; of one that is odd, the larger in turns."""

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
        return len(self._placed.singles)

    @property
    def disabled(self) -> int:
        """Items that are not sampled."""
        placed = self._placed
        return len(self._items) - len(placed.singles) - len(placed.events) - sum(each.count for each in self._groups)

    @property
    def event_overflows(self) -> int:
        """How often it was told that events were lost."""
        return self._placed.event_overflows

    @property
    def overflows(self) -> int:
        """Samples that full queues have dropped."""
        return self._placed.overflows

    @property
    def waiting(self) -> int:
        """Samples in all queues."""
        return sum(group.waiting for group in self._groups) + sum(queue.waiting for queue in self._alone)

    def longest(self) -> int:
        """Return the length of the longest queue."""
        groups = max((group.longest() for group in self._groups), default=0)
        return max(groups, max((queue.waiting for queue in self._alone), default=0))

    @property
    def takes_events(self) -> bool:
        """True while an item of an event notifier is not disabled."""
        return bool(self._placed.events)

    def shorten(self) -> None:
        """Drop the older half of every queue."""
        for group in self._groups:
            group.shorten()
        for queue in self._alone:
            queue.shorten()

    def create(self, specs: Mapping[int, Spec], now: float) -> None:
        """Add items by their ids; each is sampled at once, unless it is disabled."""
        items = {item_id: Item(item_id, spec) for item_id, spec in specs.items()}
        self._items |= items
        self._enable([item for item in items.values() if item.spec.mode != DISABLED], now)

    def modify(self, changes: Sequence[tuple[Item, Spec]], now: float) -> None:
        """Change all but what is monitored and the mode of different items.

        What waits is kept as far as it fits the new queue; an item that takes every change is sampled at once, since
        the new filter may pass what the old one held back.
        """
        enabled: list[tuple[Item, Spec]] = []
        for item, wanted in changes:
            spec = replace(wanted, source=item.spec.source, mode=item.spec.mode)
            if spec.mode == DISABLED:
                item.spec = spec
            else:
                enabled.append((item, spec))
        self._placed.change(enabled)
        items = [item for item, _ in enabled]
        self._await(items, now)
        self._sample([item for item in items if not item.spec.sampling_ms])

    def set_sources(self, changes: Sequence[tuple[Item, Source]], now: float) -> None:
        """Monitor something else by different items; what waits is forgotten, and each is sampled at once."""
        items = [item for item, _ in changes]
        self._placed.remove(items)
        for item, source in changes:
            item.spec = replace(item.spec, source=source)
        self._enable([item for item in items if item.spec.mode != DISABLED], now)

    def set_mode(self, items: Sequence[Item], mode: int, now: float) -> None:
        """Set the MonitoringMode of different items.

        A disabled item forgets what waits, an enabled one is sampled at once.
        """
        changes = [(item, replace(item.spec, mode=mode)) for item in items if item.spec.mode != mode]
        disabled = [item for item, _ in changes if item.spec.mode == DISABLED]
        if mode == DISABLED:
            self._placed.remove([item for item, _ in changes])
        else:
            self._placed.change([(item, spec) for item, spec in changes if item.spec.mode != DISABLED])
        for item, spec in changes:
            item.spec = spec
        self._enable(disabled, now)

    def delete(self, items: Sequence[Item]) -> None:
        """End different items, and the links from and to them."""
        self._placed.remove(items)
        ended = {item.id for item in items}
        for item_id in ended:
            del self._items[item_id]
            self._triggering.pop(item_id, None)
        for other in self._triggering.values():
            other.links -= ended

    def clear(self) -> None:
        """Forget all items."""
        self._items.clear()
        self._placed.clear()
        self._triggering.clear()
        self._due.clear()

    def link(self, item: Item, linked: Sequence[Item]) -> None:
        """Let one item trigger others (OPC 10000-4 v1.05 §5.13.1.6)."""
        items = list({each.id: each for each in (item, *linked)}.values())
        for each in items:
            each.stays_single = True
        self._placed.change([(each, each.spec) for each in items if each.group is not None])
        item.links |= {each.id for each in linked}
        self._triggering[item.id] = item

    def sample_rows(self, rows: Rows) -> None:
        """Take the present contents of these rows, for the items that take every change."""
        for kind, group in self._placed.groups.items():
            if not kind.sampling_ms:
                group.sample(rows)
        by_row = self._placed.by_row
        if by_row:
            self._offer([item for row in by_row.keys() & set(rows.tolist()) for item in by_row[row].values()])

    def notify(self, event: Event) -> None:
        """Queue an event for each item that is to get it, then let those that did trigger others."""
        triggered: set[int] = set()
        for item in self._placed.events.values():
            if item.events is not None and item.events.offer(event):
                triggered |= item.links
        for item_id in triggered:
            self._items[item_id].release()

    def sample_due(self, now: float, tolerance: float) -> None:
        """Sample what is due by its sampling interval, within so many seconds."""
        due_singles: list[Item] = []
        for interval in [interval for interval, due in self._due.items() if due <= now + tolerance]:
            period = interval / 1000.0
            self._due[interval] = due_after(self._due[interval], period, now)
            groups = [group for kind, group in self._placed.groups.items() if kind.sampling_ms == interval]
            periodic = (item for item in self._placed.singles.values() if item.spec.is_periodic)
            singles = [item for item in periodic if item.spec.sampling_ms == interval]
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
        for group in self._groups:
            group.resend()
        for item in self._placed.singles.values():
            if item.single is None or item.single.waiting or item.spec.mode != REPORTING:
                continue
            sample = item.spec.source.sample()
            if sample is not None:
                item.single.offer(sample, always=True)
                item.single.release()

    def take(self, limit: int) -> Notifications:
        """Return at most so many notifications that wait; of data changes, those of singles last."""
        self._turn = (self._turn + 1) % 4
        events = self._take_events((limit + self._turn % 2) // 2) if self._placed.events else []
        data, count = self._take_data(limit - len(events))
        if self._placed.events:
            events += self._take_events(limit - len(events) - count)
        return Notifications(data, events, count + len(events))

    def has_waiting(self) -> bool:
        """Tell whether there is anything to publish."""
        return any(group.waiting for group in self._groups) or any(queue.released for queue in self._alone)

    @property
    def _groups(self) -> Iterable[Group]:
        return self._placed.groups.values()

    @property
    def _alone(self) -> Iterator[SingleItem | EventItem]:
        for item in self._placed.singles.values():
            if item.single is not None:
                yield item.single
        for item in self._placed.events.values():
            if item.events is not None:
                yield item.events

    def _take_data(self, limit: int) -> tuple[list[bytes], int]:
        alone, count = self._take_singles((limit + self._turn // 2) // 2)
        parts: list[bytes] = []
        groups = self._placed.groups
        for kind, group in list(groups.items()):
            if group.waiting and count < limit:
                more, taken = group.take(limit - count)
                parts += more
                count += taken
                groups[kind] = groups.pop(kind)  # the others' turn comes first next time
        rest, taken = self._take_singles(limit - count)
        return parts + alone + rest, count + taken

    def _take_events(self, limit: int) -> list[bytes]:
        parts: list[bytes] = []
        events = self._placed.events
        for item in list(events.values()):
            if item.events is not None and item.events.released and len(parts) < limit:
                parts += item.events.take(limit - len(parts))
                events[item.id] = events.pop(item.id)
        return parts

    def _take_singles(self, limit: int) -> tuple[list[bytes], int]:
        parts: list[bytes] = []
        count = 0
        singles = self._placed.singles
        for item in list(singles.values()) if limit else ():
            if item.single is not None and item.single.released and count < limit:
                more, taken = item.single.take(limit - count)
                parts += more
                count += taken
                singles[item.id] = singles.pop(item.id)
        return parts, count

    def _enable(self, items: Sequence[Item], now: float) -> None:
        self._placed.add(items)
        self._await(items, now)
        self._sample(items)

    def _await(self, items: Iterable[Item], now: float) -> None:
        """Have the intervals of items sampled."""
        for interval in {item.spec.sampling_ms for item in items if item.spec.is_periodic}:
            self._due.setdefault(interval, now + interval / 1000.0)

    def _sample(self, items: Sequence[Item]) -> None:
        for group, members in by_group(items).items():
            group.sample_slots(slots_of(members))
        self._offer([item for item in items if item.single is not None])

    def _offer(self, items: list[Item]) -> None:
        """Sample singles at one time, then let those that queued something trigger others."""
        triggered: set[int] = set()
        for item in items:
            single, sample = item.single, item.spec.source.sample()
            if single is None or sample is None or not single.offer(sample):
                continue
            if item.spec.mode == REPORTING:
                single.release()
            triggered |= item.links
        for item_id in triggered:
            self._items[item_id].release()
