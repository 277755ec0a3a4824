"""Subscriptions that are due at once, and how they share what Publish requests there are."""

from __future__ import annotations

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from opcua_server.bank import Bank
from opcua_server.monitoring import engine
from opcua_server.monitoring.engine import Engine
from opcua_server.monitoring.items import Items
from opcua_server.monitoring.publish_queue import PublishQueue, PublishRequest
from opcua_server.monitoring.retransmission import Store
from opcua_server.monitoring.sample import RowSource
from opcua_server.monitoring.spec import Spec
from opcua_server.monitoring.subscription import Subscription, Terms
from runtime.opcua_link.builtin import DOUBLE


class Tick:
    """Subscriptions of one session that are all due with the scan at 1 s, the first one created due first."""

    def __init__(self, *priorities: int) -> None:
        self.served: list[int] = []
        """Their ids, as the requests were answered."""
        self.queue = PublishQueue()
        self.bank = bank = Bank([DOUBLE])
        self.engine = Engine(bank, lambda _subscription: None)
        self.engine.align_s = 0.05
        store = Store()
        for place, priority in enumerate(priorities):
            terms = Terms(1000.0, 1000, 100, 0, priority)
            created = 0.001 * place
            self.engine.add(Subscription(place, terms, Items(bank), store.open(), self.queue, created, enabled=True))

    def ask(self, count: int) -> None:
        for _ in range(count):
            self.queue.push(
                PublishRequest(0, float("inf"), (), self._answered, lambda _code: None, lambda: False), subscriptions=1
            )

    def _answered(self, body: bytes) -> None:
        self.served.append(struct_from_binary(ua.PublishResponse, Buffer(body)).Parameters.SubscriptionId)


def test_of_those_due_at_once_the_highest_priority_is_served_first() -> None:
    tick = Tick(0, 255, 10, 255)
    tick.ask(3)
    tick.engine.on_scan(1.0)
    assert tick.served == [1, 3, 2]


def test_of_one_priority_the_first_due_is_served_first() -> None:
    tick = Tick(7, 7, 7)
    tick.ask(2)
    tick.engine.on_scan(1.0)
    assert tick.served == [0, 1]


def test_bounding_what_waits_ends_also_where_nothing_can_be_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MOST_WAITING", 10)
    tick = Tick(0, 0)
    full, greedy = tick.engine._subscriptions[0].items, tick.engine._subscriptions[1].items
    bank = tick.bank
    full.create({number: Spec(RowSource(bank, 0), number) for number in range(12)}, 0.0)
    greedy.create({100: Spec(RowSource(bank, 0), 100, size=50)}, 0.0)
    for value in range(8):
        bank.set(0, value, value, value)
        tick.engine.flush()
    tick.engine.on_timer(0.5 + engine.BOUND_S)
    assert full.waiting == 12
    assert greedy.waiting <= 1
