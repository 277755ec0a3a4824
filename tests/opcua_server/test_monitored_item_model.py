"""Whatever clients and the plant do, what arrives is what a plain list of samples gives: in columns and one by one."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from opcua_server.bank import TEXTS, Bank
from opcua_server.monitoring.engine import Engine
from opcua_server.monitoring.filters import Filter
from opcua_server.monitoring.publish_queue import PublishQueue
from opcua_server.monitoring.sample import RowSource
from opcua_server.monitoring.spec import REPORTING, Spec
from plant import quality
from runtime.opcua_link.builtin import DOUBLE, INT32, UINT32

from .monitored_item_model import Cell, ModelBank, ModelItem, ModelSubscription, Wanted
from .monitored_item_served import SCAN_S, Served
from .monitored_item_strategies import MANY, TYPES, cells, modes, places, rows, some, wishes


def bits_of(kind: int, value: Any) -> int:
    """Return a value as the bank keeps it."""
    (bits,) = struct.unpack("<Q", struct.pack("<d" if kind == DOUBLE else "<Q" if value >= 0 else "<q", value))
    return int(bits)


class MonitoredItems(RuleBasedStateMachine):
    """The same items in columns and one by one, in two subscriptions of one engine."""

    def __init__(self) -> None:
        super().__init__()
        self.bank = Bank([*TYPES, *[DOUBLE] * MANY])
        self.engine = Engine(self.bank, lambda _subscription: None)
        self.model = ModelBank(len(self.bank))
        self.served: list[Served] = []
        for number, columnar in enumerate((True, False)):
            subscription = ModelSubscription(self.model.cells)
            self.model.subscriptions.append(subscription)
            self.served.append(Served(number, self.bank, columnar=columnar, model=subscription))
            self.engine.add(self.served[-1].real)
        self.scan = 0
        self.last = 0
        self.time = 1000

    @property
    def now(self) -> float:
        return self.scan * SCAN_S

    def ids(self) -> list[int]:
        return list(self.served[0].model.items)

    def id_at(self, place: int) -> int:
        return self.ids()[place % len(self.ids())]

    def ids_at(self, some: list[int]) -> list[int]:
        """Return different ids."""
        return list(dict.fromkeys(map(self.id_at, some)))

    def spec(self, wanted: Wanted, row: int, mode: int) -> Spec:
        return Spec(
            RowSource(self.bank, row),
            wanted.handle,
            mode,
            wanted.sampling * SCAN_S * 1000.0,
            wanted.size,
            wanted.discard_oldest,
            Filter(wanted.trigger, wanted.deadband),
            wanted.times,
        )

    def agreed(self, wanted: Wanted, row: int) -> Wanted:
        """Return what a server agrees to: a handle of its own, and a deadband of numbers only."""
        self.last += 1
        return replace(
            wanted, handle=self.last, deadband=wanted.deadband if TYPES[row] in (DOUBLE, INT32, UINT32) else 0.0
        )

    def each(self, act: Callable[[Served], None]) -> None:
        for served in self.served:
            act(served)
            self.engine.schedule(served.real)

    @initialize(
        contents=st.tuples(*map(cells, range(len(TYPES)))),
        count=st.sampled_from([len(TYPES), 3]),
        items=st.lists(st.tuples(wishes, rows, modes), min_size=3, max_size=8),
    )
    def begin(
        self, contents: tuple[tuple[int, Any, int], ...], count: int, items: list[tuple[Wanted, int, int]]
    ) -> None:
        for each in contents[:count]:
            self.put(*each)
        for wanted, row, mode in items:
            self.create(wanted, row, mode)

    @rule(wanted=wishes, row=rows, mode=modes)
    def create(self, wanted: Wanted, row: int, mode: int) -> None:
        wanted = self.agreed(wanted, row)
        item_id = self.last

        def act(served: Served) -> None:
            served.real.items.create({item_id: self.spec(wanted, row, mode)}, self.now)
            served.model.create(item_id, ModelItem(row, wanted, mode), self.scan)

        self.each(act)

    @precondition(lambda self: self.ids())
    @rule(some=some, wanted=st.lists(wishes, min_size=6, max_size=6), keeps_sampling=st.booleans())
    def modify(self, some: list[int], wanted: list[Wanted], keeps_sampling: bool) -> None:
        changes: dict[int, Wanted] = {}
        rows: dict[int, int] = {}
        for item_id, each in zip(self.ids_at(some), wanted, strict=False):
            before = self.served[0].model.items[item_id]
            rows[item_id] = before.row
            changes[item_id] = self.agreed(each, before.row)
            if keeps_sampling:
                kept = before.wanted
                changes[item_id] = replace(changes[item_id], sampling=kept.sampling, times=kept.times)

        def act(served: Served) -> None:
            items = served.find(changes)
            specs = [self.spec(each, rows[item_id], REPORTING) for item_id, each in changes.items()]
            served.real.items.modify(list(zip(items, specs, strict=True)), self.now)
            served.model.modify(changes, self.scan)

        self.each(act)

    @precondition(lambda self: self.ids())
    @rule(some=some, mode=modes)
    def set_mode(self, some: list[int], mode: int) -> None:
        item_ids = self.ids_at(some)

        def act(served: Served) -> None:
            served.real.items.set_mode(served.find(item_ids), mode, self.now)
            served.model.set_mode(item_ids, mode, self.scan)

        self.each(act)

    @precondition(lambda self: self.ids())
    @rule(place=places, some=some)
    def link(self, place: int, some: list[int]) -> None:
        item_id, linked = self.id_at(place), self.ids_at(some)

        def act(served: Served) -> None:
            (item,) = served.find([item_id])
            served.real.items.link(item, served.find(linked))
            served.model.items[item_id].links |= set(linked)

        self.each(act)

    @precondition(lambda self: len(self.ids()) > 1)
    @rule(some=some)
    def delete(self, some: list[int]) -> None:
        item_ids = self.ids_at(some)[: len(self.ids()) - 1]

        def act(served: Served) -> None:
            served.real.items.delete(served.find(item_ids))
            for item_id in item_ids:
                served.model.delete(item_id)

        self.each(act)

    @rule(writes=st.lists(rows.flatmap(cells), min_size=1, max_size=20))
    def write(self, writes: list[tuple[int, Any, int]]) -> None:
        """Client writes, one at a time."""
        for each in writes:
            self.put(*each)

    @precondition(lambda self: self.ids())
    @rule(place=places, count=st.integers(2, 8), data=st.data())
    def write_often(self, place: int, count: int, data: st.DataObject) -> None:
        """Several writes of a tag that is monitored."""
        row = self.served[0].model.items[self.id_at(place)].row
        for _ in range(count):
            self.put(*data.draw(cells(row)))

    def put(self, row: int, value: Any, status: int) -> None:
        self.time += 1
        kind = TYPES[row]
        if kind in TEXTS:
            self.bank.set_text(row, value, self.time // 2, self.time, status)
        else:
            self.bank.set(row, bits_of(kind, value), self.time // 2, self.time, status)
        self.model.write({row: self.cell(value, status)})

    def cell(self, value: Any, status: int) -> Cell:
        return Cell(None if quality.is_bad(status) else value, status, self.time // 2, self.time)

    @rule(
        contents=st.tuples(*(cells(row) for row, kind in enumerate(TYPES) if kind not in TEXTS)),
        has_many=st.booleans(),
        order=st.randoms(use_true_random=False),
    )
    def commit(self, contents: tuple[tuple[int, Any, int], ...], has_many: bool, order: Any) -> None:
        """A scan's results."""
        self.time += 1
        rows = [(row, bits_of(TYPES[row], value), status) for row, value, status in contents]
        if has_many:
            rows += [(len(TYPES) + row, self.time, quality.GOOD) for row in range(MANY)]
        order.shuffle(rows)
        columns = list(zip(*rows, strict=True))
        self.bank.commit(
            np.array(columns[0], np.intp),
            np.array(columns[1], np.uint64),
            np.array(columns[2], np.uint32),
            self.time // 2,
            self.time,
        )
        changes = {row: self.cell(value, status) for row, value, status in contents}
        if has_many:
            changes |= {len(TYPES) + row: self.cell(self.time, quality.GOOD) for row in range(MANY)}
        self.model.write(changes)

    @rule(scans=st.integers(1, 4), by_timer=st.booleans())
    def wait(self, scans: int, by_timer: bool) -> None:
        """Scans pass."""
        for _ in range(scans):
            self.scan += 1
            self.model.sample()
            for served in self.served:
                served.model.sample_due(self.scan)
            is_due = [served.real.due <= self.now for served in self.served]
            if by_timer:
                self.engine.on_timer(self.now)
            else:
                self.engine.on_scan(self.now)
            for served, due in zip(self.served, is_due, strict=True):
                if due and served.real.queue and served.real.enabled:
                    assert not served.model.released(), "a publishing cycle left something unsaid"

    @rule(count=st.integers(1, 4))
    def request(self, count: int) -> None:
        self.each(lambda served: served.request(count, self.now))

    @rule(count=st.integers(1, 4))
    def publish(self, count: int) -> None:
        """A publishing cycle with requests to answer."""
        self.request(count)
        self.wait(2, by_timer=False)

    @rule(limit=st.sampled_from([0, 1, 2, 5]), enabled=st.sampled_from([True, True, True, False]))
    def agree(self, limit: int, enabled: bool) -> None:
        """ModifySubscription and SetPublishingMode."""
        for served in self.served:
            served.real.terms = replace(served.real.terms, max_notifications=limit)
            served.real.enabled = enabled

    @rule(send_initial=st.booleans())
    def transfer(self, send_initial: bool) -> None:
        """Another session takes over."""

        def act(served: Served) -> None:
            served.real.queue = PublishQueue()
            if send_initial:
                served.real.items.resend()
                served.model.resend()

        self.each(act)

    @rule(place=places)
    def acknowledge(self, place: int) -> None:
        for served in self.served:
            if not served.unacknowledged:
                continue
            number = list(served.unacknowledged)[place % len(served.unacknowledged)]
            del served.unacknowledged[number]
            assert served.real.sent.forget(number)
            assert not served.real.sent.forget(number)

    @invariant()
    def what_was_not_acknowledged_can_be_republished(self) -> None:
        for served in self.served:
            for number, message in served.unacknowledged.items():
                assert served.real.sent.get(number) == message
            assert served.real.sent.get(served.next_number) is None
            assert served.real.items.has_waiting() == (served.model.released() > 0)

    def teardown(self) -> None:
        """All that waits arrives."""
        self.agree(0, enabled=True)
        self.request(3)
        self.wait(4, by_timer=False)
        assert not any(served.model.released() for served in self.served)


TestMonitoredItems = MonitoredItems.TestCase
TestMonitoredItems.settings = settings(max_examples=150, stateful_step_count=40, derandomize=True)
