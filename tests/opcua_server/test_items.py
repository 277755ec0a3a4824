"""Items that are kept on their own and items in columns share the messages."""

from __future__ import annotations

import struct

import numpy as np

from opcua_server.bank import Bank
from opcua_server.monitoring.items import Items
from opcua_server.monitoring.sample import RowSource
from opcua_server.monitoring.spec import Spec
from runtime.opcua_link.builtin import DOUBLE, STRING

NUMBERS, TEXTS = 10, 2


def test_where_few_are_sent_nobody_starves() -> None:
    bank = Bank([DOUBLE] * NUMBERS + [STRING] * TEXTS)
    items = Items(bank)
    items.create({row + 1: Spec(RowSource(bank, row), row, size=2) for row in range(len(bank))}, 0.0)
    told: set[int] = set()
    for cycle in range(1, 60):
        for row in range(NUMBERS):
            bank.set(row, cycle, cycle, cycle)
        for row in range(NUMBERS, NUMBERS + TEXTS):
            bank.set_text(row, str(cycle), cycle, cycle)
        items.sample_rows(np.arange(len(bank)))
        parts, count = items.take(1)
        assert count == 1
        told.add(struct.unpack_from("<I", parts[0])[0])
    assert told == set(range(len(bank)))
