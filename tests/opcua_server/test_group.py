"""Items in columns: few changes are looked up, with many all are looked at, and both give the same."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from opcua_server.bank import Bank, Rows, as_bits
from opcua_server.monitoring.filters import NO_FILTER, Filter
from opcua_server.monitoring.group import Group, Kind
from opcua_server.monitoring.sample import RowSource
from opcua_server.monitoring.spec import Spec
from runtime.opcua_link.builtin import DOUBLE

COUNT = 100


def spec(bank: Bank, row: int, handle: int, size: int, wanted: Filter = NO_FILTER) -> Spec:
    return Spec(RowSource(bank, row), handle, size=size, filter=wanted)


def grouped(*, is_single: bool) -> tuple[Bank, Group, Rows]:
    """A group with an item for each row, all published once."""
    bank = Bank([DOUBLE] * COUNT)
    change(bank, np.arange(COUNT), 0.0)
    group = Group(Kind(DOUBLE, 0, 0.0, is_single), bank)
    slots = group.add([spec(bank, row, row, 1 if is_single else 3) for row in range(COUNT)])
    group.sample()
    group.take(COUNT)
    return bank, group, slots


def change(bank: Bank, rows: np.ndarray[tuple[int], np.dtype[np.intp]], value: float) -> None:
    size = len(rows)
    bank.commit(rows, as_bits(np.full(size, value)), np.zeros(size, np.uint32), 1, 1)


def handles(group: Group) -> list[int]:
    """Return the handles that are published, in order: each Good Double without timestamps has 14 bytes."""
    parts, count = group.take(10 * COUNT)
    octets = b"".join(parts)
    assert len(octets) == 14 * count
    return sorted(struct.unpack_from("<I", octets, 14 * place)[0] for place in range(count))


@pytest.mark.parametrize("is_single", [True, False])
@pytest.mark.parametrize("rows", [range(3), range(COUNT)])
def test_what_changed_is_published_but_for_items_that_ended(is_single: bool, rows: range) -> None:
    bank, group, slots = grouped(is_single=is_single)
    group.remove(slots[1:2])
    change(bank, np.array(rows), 1.0)
    group.sample(np.array(rows))
    assert handles(group) == [row for row in rows if row != 1]


@pytest.mark.parametrize("rows", [range(3), range(COUNT)])
def test_a_slot_is_used_again_without_what_it_held(rows: range) -> None:
    bank, group, slots = grouped(is_single=False)
    change(bank, np.array(rows), 1.0)
    group.sample(np.array(rows))
    group.remove(slots[1:2])
    group.add([spec(bank, 2, 1000, 3, Filter(deadband=5.0))])
    change(bank, np.array(rows), 2.0)
    group.sample(np.array(rows))
    unfiltered = [row for row in rows if row != 1]
    assert handles(group) == sorted([*unfiltered, *unfiltered, 1000])
    change(bank, np.array(rows), 3.0)
    group.sample(np.array(rows))
    assert handles(group) == unfiltered


def test_resending_leaves_alone_what_waits() -> None:
    bank, group, _ = grouped(is_single=True)
    change(bank, np.array([7]), 1.0)
    group.sample(np.array([7]))
    group.resend()
    assert handles(group) == list(range(COUNT))
