"""Whatever clients and the plant do, what arrives is what a plain list of samples gives: in columns and one by one."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from opcua_server.bank import TEXTS, Bank
from opcua_server.monitoring.engine import Engine
from opcua_server.monitoring.filters import ON_STATUS, ON_STATUS_VALUE, ON_STATUS_VALUE_TIMESTAMP, Filter
from opcua_server.monitoring.item import Item
from opcua_server.monitoring.items import Items
from opcua_server.monitoring.publish_queue import PublishQueue, PublishRequest
from opcua_server.monitoring.retransmission import MOST_KEPT, Store
from opcua_server.monitoring.sample import RowSource
from opcua_server.monitoring.spec import DISABLED, REPORTING, SAMPLING, Spec
from opcua_server.monitoring.subscription import Subscription, Terms
from opcua_server.services.attribute import TIMES_MASKS
from opcua_server.wire.records import SERVER, SOURCE
from plant import quality
from runtime.opcua_link.builtin import BOOLEAN, DATETIME, DOUBLE, INT32, LOCALIZED_TEXT, STRING, UINT32
from runtime.opcua_link.filetime import ticks_of

from .monitored_item_model import Cell, ModelBank, ModelItem, ModelSubscription, Notification, Wanted

TYPES = [DOUBLE, DOUBLE, INT32, UINT32, BOOLEAN, DATETIME, STRING, LOCALIZED_TEXT]
MANY = 70
"""Rows that nobody monitors: with them a scan changes more rows than are looked up one by one."""
SCAN_S = 0.125
LIMIT_HIGH = 0x0600
"""InfoType DataValue (bit 10) and LimitBits High (bits 8 and 9), OPC 10000-4 v1.05 §7.39.1."""
STATUSES = [
    *[quality.GOOD] * 6,
    quality.GOOD_LOCAL_OVERRIDE,
    quality.UNCERTAIN_SENSOR_NOT_ACCURATE,
    quality.UNCERTAIN_ENGINEERING_UNITS_EXCEEDED | LIMIT_HIGH,
    quality.BAD_SENSOR_FAILURE,
    quality.BAD_NOT_CONNECTED,
]
VALUES: dict[int, st.SearchStrategy[Any]] = {
    DOUBLE: st.sampled_from([0.0, 1.0, 1.5, 2.0, 2.5, 5.0, -3.0, 1e300, 5e-324, float("nan")]),
    INT32: st.sampled_from([0, 1, 2, 3, 5, -1, -3, -(2**31), 2**31 - 1]),
    UINT32: st.sampled_from([0, 1, 2, 3, 5, 2**32 - 1]),
    BOOLEAN: st.booleans(),
    DATETIME: st.sampled_from([1, 2, 3, 2_650_467_743_989_999_999]),
    STRING: st.sampled_from(["", "a", "Zürich"]),
    LOCALIZED_TEXT: st.sampled_from(["", "AUTO", "MAN"]),
}
wanted = st.builds(
    Wanted,
    handle=st.just(0),
    sampling=st.sampled_from([0, 0, 0, 0, 2, 3]),
    size=st.sampled_from([1, 1, 1, 2, 2, 3, 4, 5, 40]),
    discard_oldest=st.booleans(),
    trigger=st.sampled_from([ON_STATUS, ON_STATUS_VALUE, ON_STATUS_VALUE, ON_STATUS_VALUE_TIMESTAMP]),
    deadband=st.sampled_from([0.0, 0.0, 1.0, 2.5]),
    times=st.sampled_from([*[SOURCE | SERVER] * 5, *TIMES_MASKS.values()]),
)
modes = st.sampled_from([DISABLED, SAMPLING, REPORTING, REPORTING, REPORTING])
places = st.integers(0, 1000)
some = st.lists(places, min_size=1, max_size=6)
rows = st.sampled_from([0, 0, 0, 0, 1, 1, *range(len(TYPES))])
"""Some more often: items that are alike share a group."""


def cells(row: int) -> st.SearchStrategy[tuple[int, Any, int]]:
    """Contents of a row."""
    return st.tuples(st.just(row), VALUES[TYPES[row]], st.sampled_from(STATUSES))


def bits_of(kind: int, value: Any) -> int:
    """Return a value as the bank keeps it."""
    (bits,) = struct.unpack("<Q", struct.pack("<d" if kind == DOUBLE else "<Q" if value >= 0 else "<q", value))
    return int(bits)


class Served:
    """A subscription, what its client received, and the model of what it should have."""

    def __init__(self, number: int, bank: Bank, *, columnar: bool, model: ModelSubscription) -> None:
        terms = Terms(2000 * SCAN_S, 1_000_000, 3, 0, 0)
        items = Items(bank, columnar=columnar)
        self.real = Subscription(number, terms, items, Store().open(), PublishQueue(), 0.0, enabled=True)
        self.model = model
        self.types = bank.types
        self.unacknowledged: dict[int, bytes] = {}
        self.next_number = 1

    def find(self, item_ids: Iterable[int]) -> list[Item]:
        """Return the items of these ids."""
        items = [self.real.items.get(item_id) for item_id in item_ids]
        return [item for item in items if item is not None]

    def request(self, count: int, now: float) -> None:
        """Ask for publishing, as the service does."""
        queue = self.real.queue
        assert queue is not None
        for _ in range(count):
            queue.push(
                PublishRequest(7, float("inf"), [], self.receive, lambda _code: None, lambda: False), subscriptions=1
            )
        if self.real.is_late:
            self.real.publish(now)

    def receive(self, body: bytes) -> None:
        """Compare a PublishResponse with what the model has queued."""
        result = struct_from_binary(ua.PublishResponse, Buffer(body)).Parameters
        message = result.NotificationMessage
        assert message.SequenceNumber == self.next_number
        found = [each for data in message.NotificationData for each in data.MonitoredItems]
        limit = self.real.terms.max_notifications or 1_000_000
        expected = min(limit, self.model.released()) if self.real.enabled else 0
        assert len(found) == expected
        by_handle = {item.wanted.handle: item for item in self.model.items.values()}
        for each in found:
            item = by_handle[each.ClientHandle]
            assert item.queue, "more than was sampled"
            notification = item.queue.pop(0)
            assert notification.is_released
            assert shown(each.Value) == self.shown_of(item, notification)
        assert result.MoreNotifications == (self.real.enabled and self.model.released() > 0)
        if found:
            kept = self.real.sent.get(message.SequenceNumber)
            assert kept is not None
            assert kept in body
            self.unacknowledged[message.SequenceNumber] = kept
            if len(self.unacknowledged) > MOST_KEPT:
                del self.unacknowledged[min(self.unacknowledged)]
            self.next_number += 1
        assert list(result.AvailableSequenceNumbers) == list(self.unacknowledged)

    def shown_of(self, item: ModelItem, notification: Notification) -> tuple[Any, ...]:
        """Return what is to arrive for a sample."""
        cell, times = notification.cell, item.wanted.times
        variant = None if cell.value is None else (int(self.types[item.row]), repr(cell.value))
        source, server = cell.source if times & SOURCE else 0, cell.server if times & SERVER else 0
        return variant, notification.status, source, server


def shown(data: ua.DataValue) -> tuple[Any, ...]:
    """Return what arrived; the time 0 is none."""
    variant: Any = data.Value
    value = variant.Value
    if isinstance(value, ua.LocalizedText):
        value = value.Text or ""
    if variant.VariantType is ua.VariantType.DateTime:
        value = ticks_of(value)
    pair = None if variant.VariantType is ua.VariantType.Null else (variant.VariantType.value, repr(value))
    status = data.StatusCode.value if data.StatusCode is not None else quality.GOOD
    return pair, status, ticks_of(data.SourceTimestamp), ticks_of(data.ServerTimestamp)


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
        items=st.lists(st.tuples(wanted, rows, modes), min_size=3, max_size=8),
    )
    def begin(
        self, contents: tuple[tuple[int, Any, int], ...], count: int, items: list[tuple[Wanted, int, int]]
    ) -> None:
        for each in contents[:count]:
            self.put(*each)
        for wanted, row, mode in items:
            self.create(wanted, row, mode)

    @rule(wanted=wanted, row=rows, mode=modes)
    def create(self, wanted: Wanted, row: int, mode: int) -> None:
        wanted = self.agreed(wanted, row)
        item_id = self.last

        def act(served: Served) -> None:
            served.real.items.create({item_id: self.spec(wanted, row, mode)}, self.now)
            served.model.create(item_id, ModelItem(row, wanted, mode), self.scan)

        self.each(act)

    @precondition(lambda self: self.ids())
    @rule(some=some, wanted=st.lists(wanted, min_size=6, max_size=6), keeps_sampling=st.booleans())
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
TestMonitoredItems.settings = settings(max_examples=150, stateful_step_count=40, derandomize=True, deadline=None)
