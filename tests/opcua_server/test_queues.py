"""Queues as columns: cut late to what cutting at each sample gives (OPC 10000-4 v1.05 §5.13.1.5)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opcua_server.monitoring.batch import OVERFLOW, Batch, unmarked
from opcua_server.monitoring.queues import LatestQueue, LogQueue

Queue = list[tuple[int, int]]
SLOTS = 3
sizes = st.lists(st.integers(2, 5), min_size=SLOTS, max_size=SLOTS)
policies = st.lists(st.booleans(), min_size=SLOTS, max_size=SLOTS)
puts = st.sets(st.integers(0, SLOTS - 1), min_size=1).map(sorted)
takes = st.integers(1, 8)
resizes = st.tuples(st.integers(0, SLOTS - 1), st.integers(2, 5), st.booleans())
steps = st.lists(puts | puts | puts | takes | resizes, max_size=60)


def batch(slots: list[int], value: int) -> Batch:
    count = len(slots)
    return Batch(
        np.array(slots, np.intp),
        np.full(count, value, np.uint64),
        np.zeros(count, np.uint32),
        np.full(count, value, np.int64),
        np.full(count, value, np.int64),
    )


def resize(queue: LogQueue, slot: int, size: int, *, discards_oldest: bool) -> None:
    queue.resize(np.array([slot]), np.array([size], np.uint32), np.array([discards_oldest]))


def pairs(batches: list[Batch], slot: int) -> Queue:
    """Return (value, status) of a slot's samples."""
    return [
        (int(bits), int(status))
        for each in batches
        for own, bits, status in zip(each.slots, each.bits, each.status, strict=True)
        if own == slot
    ]


def cut(queue: Queue, size: int, *, discard_oldest: bool) -> None:
    while len(queue) > size:
        del queue[0 if discard_oldest else -2]
        marked = 0 if discard_oldest else -1
        queue[marked] = queue[marked][0], OVERFLOW


@given(sizes, policies, steps)
def test_what_stays_is_what_cutting_at_each_sample_leaves(
    sizes: list[int], policies: list[bool], steps: list[list[int] | int | tuple[int, int, bool]]
) -> None:
    queue = LogQueue()
    queue.grow(SLOTS)
    model: list[Queue] = [[] for _ in range(SLOTS)]
    for slot in range(SLOTS):
        resize(queue, slot, sizes[slot], discards_oldest=policies[slot])
    for value, step in enumerate(steps):
        if isinstance(step, list):
            queue.put(batch(step, value))
            for slot in step:
                model[slot].append((value, 0))
                cut(model[slot], sizes[slot], discard_oldest=policies[slot])
        elif isinstance(step, int):
            before = sum(map(len, model))
            taken = queue.take(step)
            assert sum(map(len, taken)) == min(step, before)
            for slot in range(SLOTS):
                gone = pairs(taken, slot)
                assert gone == model[slot][: len(gone)]
                del model[slot][: len(gone)]
        else:
            slot, sizes[slot], policies[slot] = step
            resize(queue, slot, sizes[slot], discards_oldest=policies[slot])
            cut(model[slot], sizes[slot], discard_oldest=policies[slot])
    rest = queue.take(10_000)
    assert [pairs(rest, slot) for slot in range(SLOTS)] == model
    assert queue.waiting == 0


@pytest.mark.parametrize(
    ("discard_oldest", "left"), [(True, [(3, OVERFLOW), (4, 0)]), (False, [(1, 0), (4, OVERFLOW)])]
)
def test_an_overflow_is_marked_where_the_values_are_missing_and_counted(discard_oldest: bool, left: Queue) -> None:
    queue = LogQueue()
    queue.grow(1)
    resize(queue, 0, 2, discards_oldest=discard_oldest)
    for value in (1, 2, 3, 4):
        queue.put(batch([0], value))
    assert pairs(queue.take(10), 0) == left
    assert queue.overflows == 2


def test_a_queue_that_nobody_reads_keeps_to_its_room() -> None:
    queue = LogQueue()
    queue.grow(1)
    resize(queue, 0, 2, discards_oldest=True)
    for value in range(20_000):
        queue.put(batch([0], value))
        assert queue.waiting < 5_000
    assert pairs(queue.take(10), 0) == [(19_998, OVERFLOW), (19_999, 0)]


def test_a_slot_is_drained_without_the_others() -> None:
    queue = LogQueue()
    queue.grow(2)
    for slot in (0, 1):
        resize(queue, slot, 3, discards_oldest=True)
    queue.put(batch([0, 1], 1))
    queue.put(batch([1], 2))
    assert pairs([queue.drain(np.array([1]))], 1) == [(1, 0), (2, 0)]
    assert queue.has_waiting().tolist() == [True, False]
    assert pairs(queue.take(10), 0) == [(1, 0)]


def test_a_queue_of_one_holds_the_newest_and_marks_nothing() -> None:
    queue = LatestQueue()
    queue.grow(2)
    for value in (1, 2, 3):
        queue.put(batch([1], value))
    assert queue.has_waiting().tolist() == [False, True]
    assert pairs(queue.take(10), 1) == [(3, 0)]
    assert queue.waiting == 0


def test_queues_of_one_are_read_oldest_first_where_not_all_fit() -> None:
    queue = LatestQueue()
    queue.grow(3)
    for slot, value in ((2, 1), (0, 2), (1, 3)):
        queue.put(batch([slot], value))
    assert [int(queue.take(1)[0].slots[0]) for _ in range(3)] == [2, 0, 1]


def test_what_is_dropped_for_want_of_memory_is_marked_whatever_the_policy() -> None:
    queue = LogQueue()
    queue.grow(2)
    for slot in (0, 1):
        resize(queue, slot, 100, discards_oldest=slot == 0)
    for value in range(10):
        queue.put(batch([0, 1], value))
    queue.shorten()
    assert (queue.waiting, queue.overflows) == (10, 10)
    rest = queue.take(100)
    for slot in (0, 1):
        assert pairs(rest, slot) == [(5, OVERFLOW), (6, 0), (7, 0), (8, 0), (9, 0)]


@pytest.mark.parametrize(
    ("marked", "left"), [(0, 0), (OVERFLOW, 0), (0x40940600, 0x40940600), (0x40940600 | OVERFLOW, 0x40940600)]
)
def test_without_its_mark_a_status_is_what_it_was(marked: int, left: int) -> None:
    assert unmarked(np.array([marked], np.uint32)).tolist() == [left]


@pytest.mark.parametrize("discards_oldest", [True, False])
def test_beside_an_item_that_never_changes_nothing_piles_up(discards_oldest: bool) -> None:
    queue = LogQueue()
    queue.grow(2)
    for slot in (0, 1):
        resize(queue, slot, 10, discards_oldest=discards_oldest)
    queue.put(batch([0], 0))
    for value in range(20_000):
        queue.put(batch([1], value))
    assert queue.longest() == 10
    assert len(queue._log) < 5_000
    assert len(pairs(queue.take(100), 1)) == 10


def test_who_lost_all_for_want_of_memory_is_told_with_the_next() -> None:
    queue = LogQueue()
    queue.grow(2)
    for slot in (0, 1):
        resize(queue, slot, 100, discards_oldest=True)
    queue.put(batch([0], 1))
    queue.put(batch([1], 2))
    queue.shorten()
    assert pairs(queue.take(10), 1) == [(2, 0)]
    queue.put(batch([0], 3))
    assert pairs(queue.take(10), 0) == [(3, OVERFLOW)]
