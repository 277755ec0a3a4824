"""Where the items of a subscription are kept: in groups of columns where they can be, one by one where not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from opcua_server.bank import Bank, Rows
from opcua_server.monitoring.batch import Left
from opcua_server.monitoring.event_item import EventItem
from opcua_server.monitoring.group import Group, Kind
from opcua_server.monitoring.item import Item
from opcua_server.monitoring.moving import apart, together
from opcua_server.monitoring.sample import NotifierSource
from opcua_server.monitoring.single import SingleItem
from opcua_server.monitoring.spec import NO_ROW, REPORTING, Spec
from opcua_server.wire.records import WIDTHS


class Placement:
    """All items that are not disabled; many are placed, moved and removed at once."""

    def __init__(self, bank: Bank, *, columnar: bool) -> None:
        self._bank = bank
        self._columnar = columnar
        self.groups: dict[Kind, Group] = {}
        self.singles: dict[int, Item] = {}
        self.events: dict[int, Item] = {}
        """Items of event notifiers."""
        self.by_row: dict[int, dict[int, Item]] = {}
        """Singles that take every change of a row, by their ids."""
        self._ended_overflows = 0
        self._ended_told = 0

    @property
    def overflows(self) -> int:
        """Samples that full queues have dropped; asked by another thread, too."""
        groups = sum(group.overflows for group in list(self.groups.values()))
        alone = [item.single or item.events for item in [*list(self.singles.values()), *list(self.events.values())]]
        return self._ended_overflows + groups + sum(queue.overflows for queue in alone if queue is not None)

    @property
    def event_overflows(self) -> int:
        """How often it was told that events were lost."""
        return self._ended_told + sum(item.events.told for item in self.events.values() if item.events is not None)

    def add(self, items: Sequence[Item]) -> None:
        """Keep items."""
        members: dict[Kind, list[Item]] = {}
        for item in items:
            kind = self._kind_of(item)
            if isinstance(item.spec.source, NotifierSource):
                self._keep_events(item, item.spec.source)
            elif kind is None:
                self._keep_alone(item)
            else:
                members.setdefault(kind, []).append(item)
        for kind, own in members.items():
            group = self.groups.get(kind) or self.groups.setdefault(kind, Group(kind, self._bank))
            for item, slot in zip(own, group.add([item.spec for item in own]).tolist(), strict=True):
                item.group, item.slot = group, slot

    def remove(self, items: Sequence[Item]) -> None:
        """Keep items no longer, nor what waits of them."""
        for group, members in by_group(items).items():
            self._leave(group, members)
        for item in items:
            if item.single is not None:
                self._part(item, item.single)
            elif item.events is not None:
                self._ended_overflows += item.events.overflows
                self._ended_told += item.events.told
                del self.events[item.id]
                item.events = None

    def change(self, changes: Sequence[tuple[Item, Spec]]) -> None:
        """Agree anew on different items; what waits goes along as far as it fits the new queues."""
        modified: list[Item] = []
        joining: list[tuple[Item, SingleItem]] = []
        leaving: list[Item] = []
        for item, spec in changes:
            before, item.spec = item.spec, spec
            kind = self._kind_of(item)
            if item.group is not None:
                (modified if item.group.kind == kind else leaving).append(item)
            elif item.single is not None and kind is not None:
                joining.append((item, item.single))
            elif item.single is not None or item.events is not None:
                self._retune(item, before)
        for group, members in by_group(modified).items():
            group.modify(slots_of(members), [item.spec for item in members])
        for group, members in by_group(leaving).items():
            self._place_with(members, self._leave(group, members))
        if joining:
            for item, single in joining:
                self._part(item, single)
            self._place_with([item for item, _ in joining], together([single.state() for _, single in joining]))

    def clear(self) -> None:
        """Keep nothing."""
        self.groups.clear()
        self.singles.clear()
        self.events.clear()
        self.by_row.clear()

    def _kind_of(self, item: Item) -> Kind | None:
        """Return the kind of group that can hold an item; None where it must be kept on its own."""
        spec, row = item.spec, item.spec.row
        if not self._columnar or row == NO_ROW or spec.mode != REPORTING or item.stays_single:
            return None
        type_number = int(self._bank.types[row])
        return Kind(type_number, spec.times_mask, spec.sampling_ms, spec.size == 1) if type_number in WIDTHS else None

    def _place_with(self, items: list[Item], left: Left) -> None:
        """Keep items that were elsewhere, with what they left there."""
        self.add(items)
        places = {item.id: place for place, item in enumerate(items)}
        for group, members in by_group(items).items():
            group.adopt(slots_of(members), left.of(np.array([places[item.id] for item in members], np.intp)))
        alone = [item for item in items if item.single is not None]
        if not alone:
            return
        own = left.of(np.array([places[item.id] for item in alone], np.intp))
        types = self._bank.types[[item.spec.row for item in alone]].tolist()
        for item, (last, queued) in zip(alone, apart(own, types), strict=True):
            if item.single is not None:
                item.single.adopt(last, queued)
                self._retune(item, None)

    def _leave(self, group: Group, items: list[Item]) -> Left:
        left = group.remove(slots_of(items))
        for item in items:
            item.group, item.slot = None, -1
        if not group.count:
            self._ended_overflows += group.overflows
            del self.groups[group.kind]
        return left

    def _keep_alone(self, item: Item) -> None:
        item.single = SingleItem(item.spec)
        self.singles[item.id] = item
        self._list(item)

    def _keep_events(self, item: Item, source: NotifierSource) -> None:
        if item.spec.event_filter is not None:
            item.events = EventItem(item.spec, source, item.spec.event_filter)
            self.events[item.id] = item

    def _part(self, item: Item, single: SingleItem) -> None:
        self._unlist(item)
        self._ended_overflows += single.overflows
        del self.singles[item.id]
        item.single = None

    def _retune(self, item: Item, before: Spec | None) -> None:
        """Let an item on its own follow its spec; `before` is None when it is new here."""
        queue = item.single or item.events
        if queue is None:
            return
        self._unlist(item)
        self._list(item)
        queue.follow(item.spec)
        if item.spec.mode == REPORTING:
            queue.release()
        elif before is not None and before.mode == REPORTING:
            queue.released = 0

    def _list(self, item: Item) -> None:
        if item.spec.row != NO_ROW and not item.spec.is_periodic:
            self.by_row.setdefault(item.spec.row, {})[item.id] = item

    def _unlist(self, item: Item) -> None:
        row = item.spec.row
        listed = self.by_row.get(row)
        if listed is not None and listed.pop(item.id, None) is not None and not listed:
            del self.by_row[row]


def slots_of(items: Sequence[Item]) -> Rows:
    """Return the slots of the items of one group."""
    return np.array([item.slot for item in items], np.intp)


def by_group(items: Sequence[Item]) -> dict[Group, list[Item]]:
    """Return the items that are in groups, by group."""
    groups: dict[Group, list[Item]] = {}
    for item in items:
        if item.group is not None:
            groups.setdefault(item.group, []).append(item)
    return groups
