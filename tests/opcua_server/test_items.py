"""Items that are kept on their own, items in columns and events share the messages."""

from __future__ import annotations

import struct

import numpy as np
from asyncua import ua

from opcua_server.bank import Bank
from opcua_server.monitoring.event import Event
from opcua_server.monitoring.event_filter import EventFilter
from opcua_server.monitoring.items import Items
from opcua_server.monitoring.sample import NotifierSource, RowSource
from opcua_server.monitoring.spec import Spec
from runtime.opcua_link.builtin import DOUBLE, STRING

NUMBERS, TEXTS = 10, 2
EVENTS = 999
"""ClientHandle of the item that gets events."""
EVENT = Event(ua.NodeId(2041), frozenset(), ua.NodeId(2253), frozenset((ua.NodeId(2253),)), {})


def test_where_few_are_sent_nobody_starves() -> None:
    bank = Bank([DOUBLE] * NUMBERS + [STRING] * TEXTS)
    items = Items(bank)
    items.create({row + 1: Spec(RowSource(bank, row), row, size=2) for row in range(len(bank))}, 0.0)
    notifier = NotifierSource(EVENT.source, lambda: EVENT)
    items.create({1_000: Spec(notifier, EVENTS, size=2, event_filter=EventFilter((None,)))}, 0.0)
    told: set[int] = set()
    for cycle in range(1, 100):
        for row in range(NUMBERS):
            bank.set(row, cycle, cycle, cycle)
        for row in range(NUMBERS, NUMBERS + TEXTS):
            bank.set_text(row, str(cycle), cycle, cycle)
        items.sample_rows(np.arange(len(bank)))
        items.notify(EVENT)
        taken = items.take(1)
        (part,) = taken.data + taken.events
        assert taken.count == 1
        told.add(struct.unpack_from("<I", part)[0])
    assert told == {*range(len(bank)), EVENTS}
