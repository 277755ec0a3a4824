"""Each reactor's samples on their way: in order, waited for when they are lost, none delayed by another's."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from historian import lanes
from historian.lanes import BELIEVED_AFTER_S, Lane, Lanes, Shipment
from timeseries.columns import Columns


def shipment(block: int, first: int, count: int = 1) -> Shipment:
    return Shipment((block, block), (first, first + count - 1), (100 * first, 100 * (first + count - 1)))


def confirm(lane: Lane, there: set[int], now: float) -> None:
    """Let the lane ask and be told of what InfluxDB has."""
    if (asked := lane.asked()) is not None:
        lane.answer(asked, len(there & set(range(asked.seqs[0], asked.seqs[1] + 1))), now)


def send_all(lane: Lane, now: float) -> list[Shipment]:
    found = []
    while (taken := lane.take()) is not None:
        found.append(taken)
        lane.sent(taken, now)
    return found


def test_what_is_confirmed_is_asked_of_in_ever_longer_ranges() -> None:
    lane = Lane()
    for place in range(100):
        lane.offer(shipment(place, place))
        send_all(lane, 0.0)
    sizes = []
    while (asked := lane.asked()) is not None:
        sizes.append(asked.count)
        lane.answer(asked, asked.count, 1.0)
    assert sizes == [1, 2, 4, 8, 16, 32, 37]


def test_what_was_counted_is_let_go_when_it_has_been_there_for_a_time() -> None:
    lane = Lane()
    for place in range(3):
        lane.offer(shipment(place, place))
        send_all(lane, 0.0)
        confirm(lane, {0, 1, 2}, float(place))
    assert lane.asked() is None
    assert lane.believe(0.9 + BELIEVED_AFTER_S) == 1
    assert lane.oldest == shipment(1, 1)
    assert lane.believe(2.0 + BELIEVED_AFTER_S) == 2
    assert lane.oldest is None


PATIENCE_S = 10.0


def write_all(lane: Lane, now: float) -> list[tuple[int, int]]:
    """Write what is waited for too long, and return its numbers."""
    found = []
    through = lane.overdue(now, PATIENCE_S)
    while (some := lane.sent_to(through)) is not None:
        found.append(some.seqs)
        lane.written(some, now)
    return found


def test_what_was_counted_by_one_that_was_killed_is_counted_again_and_written_where_it_is_gone() -> None:
    lane = Lane()
    for place in range(3):
        lane.offer(shipment(place, place))
        send_all(lane, 0.0)
    for _ in range(2):
        confirm(lane, {0, 1, 2}, 1.0)
    lane.doubt(2.0)
    assert lane.believe(100.0) == 0
    for second in range(3, 8):
        confirm(lane, {0}, float(second))
    assert lane.oldest == shipment(0, 0)
    assert not lane.overdue(14.9, PATIENCE_S)
    assert write_all(lane, 15.0) == [(1, 2)]
    assert lane.oldest == shipment(0, 0)
    assert lane.believe(5.0 + BELIEVED_AFTER_S) == 1
    assert lane.oldest is None


def test_what_waits_to_be_sent_is_put_together_as_far_as_it_follows() -> None:
    lane = Lane()
    for place in (1, 2, 3, 7, 8):
        lane.offer(shipment(place, place))
    assert [each.seqs for each in send_all(lane, 0.0)] == [(1, 3), (7, 8)]


def test_a_hole_keeps_all_waiting_until_what_is_behind_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MOST_TOGETHER", 20)
    lane = Lane()
    for place in range(1, 6):
        lane.offer(shipment(place, 10 * place, 10))
        send_all(lane, 0.0)
    there = set(range(10, 60)) - {27}
    for second in range(9):
        confirm(lane, there, float(second))
        assert not lane.overdue(float(second), PATIENCE_S)
    assert lane.believe(8.0) == 10
    assert lane.oldest is not None
    assert lane.oldest.seqs == (20, 29)
    through = lane.overdue(11.0, PATIENCE_S)
    lane.offer(shipment(6, 60, 10))
    send_all(lane, 11.0)
    assert (through, lane.overdue(11.0, 0.0)) == (5, 6)
    assert lane.sent_to(through) == Shipment((2, 3), (20, 39), (2000, 3900))
    assert write_all(lane, 11.0) == [(20, 39), (40, 59), (60, 69)]
    assert lane.oldest is None
    assert lane.has_room(1)


def test_what_was_sent_up_to_a_block_is_written_behind_what_is_counted() -> None:
    lane = Lane()
    for place in range(4):
        lane.offer(shipment(place, place))
        send_all(lane, 0.0)
    confirm(lane, {0}, 1.0)
    assert lane.sent_to(2) == Shipment((1, 2), (1, 2), (100, 200))
    lane.doubt(2.0)
    assert lane.sent_to(2) == Shipment((0, 2), (0, 2), (0, 200))
    lane.written(Shipment((0, 2), (0, 2), (0, 200)), 3.0)
    assert lane.sent_to(2) is None
    assert lane.oldest == shipment(3, 3)


def test_while_too_much_is_unconfirmed_nothing_more_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MOST_TOGETHER", 20)
    lane = Lane()
    for place in range(5):
        lane.offer(shipment(place, 6 * place, 6))
        if (taken := lane.take(10)) is not None:
            lane.sent(taken, 0.0)
    assert lane.take(10) is None
    confirm(lane, set(range(6)), 1.0)
    assert lane.take(10) == Shipment((2, 4), (12, 29), (1200, 2900))


def test_the_room_is_shared_and_nobody_is_left_without() -> None:
    some = Lanes()
    assert some.room == lanes.ROOM
    offer(some, 1, a=1, b=1, c=1)
    assert some.room == lanes.ROOM // 3
    some.offer(2, {f"R{number}": of(2, a=1) for number in range(1000)})
    assert some.room == lanes.MOST_TOGETHER


def of(block: int, **counts: int) -> Columns:
    """A block's samples: so many of each reactor, numbered as of block times ten."""
    reactors = np.repeat(np.arange(len(counts)), list(counts.values()))
    seqs = np.concatenate([10 * block + np.arange(count) for count in counts.values()])
    return Columns.of(len(seqs), signals=reactors, times=seqs, seqs=seqs)


def offer(lanes: Lanes, block: int, **counts: int) -> None:
    columns = of(block, **counts)
    signals = np.unique(columns.signals).tolist()
    lanes.offer(block, {f"R10{signal}": columns.take(columns.signals == signal) for signal in signals})


def test_one_reactors_trouble_does_not_keep_another_back_and_the_outbox_keeps_what_it_needs() -> None:
    both = Lanes()
    assert both.have_room
    assert both.done == 0
    for block in range(1, 6):
        offer(both, block, a=2, b=3)
    assert both.done == 0
    (_, one), (_, other) = both
    send_all(one, 0.0)
    send_all(other, 0.0)
    one.confirm_all()
    assert both.done == 0
    offer(both, 6, a=1)
    other.confirm_all()
    assert both.done == 5
    assert len(send_all(one, 0.0)) == 1
    one.confirm_all()
    assert both.done == 6


def test_what_was_dropped_from_the_outbox_is_waited_for_no_more() -> None:
    both = Lanes()
    for block in range(1, 6):
        offer(both, block, a=1)
        send_all(next(iter(both))[1], 0.0)
    both.drop(3)
    assert both.done == 3
    both.drop(9)
    assert (both.done, both.offered) == (9, 9)


def test_a_reactor_that_comes_first_while_all_are_gone_through_is_there_the_next_time() -> None:
    some, seen = Lanes(), []
    offer(some, 1, a=1)
    for reactor, _ in some:
        seen.append(reactor)
        offer(some, 2, a=1, b=1)
    assert seen == ["R100"]
    assert [reactor for reactor, _ in some] == ["R100", "R101"]


class Sea:
    """Takes what is sent, loses some of it, and delivers late, to one who writes it to disk later, or never."""

    def __init__(self) -> None:
        self.under_way: deque[Shipment] = deque()
        self.in_memory: set[int] = set()
        self.on_disk: set[int] = set()
        self.is_full = False

    def deliver(self, *, loses: bool) -> None:
        if self.under_way:
            first, last = self.under_way.popleft().seqs
            arrived = set(range(first, last + 1))
            self.in_memory |= arrived - {min(arrived)} if loses else arrived

    def write(self) -> None:
        if not self.is_full:
            self.on_disk |= self.in_memory

    def kill(self) -> None:
        self.in_memory, self.is_full = set(), False


STEPS = ["offer", "send", "deliver", "lose", "lose_link", "ask", "wait", "fill", "kill"]


@given(st.lists(st.sampled_from(STEPS), max_size=200))
def test_whatever_is_lost_all_is_there_in_the_end_and_nothing_is_let_go_before(steps: list[str]) -> None:
    lane, sea, now, offered = Lane(), Sea(), 0.0, 0
    for step in [*steps, "kill", *["send", "deliver", "ask", "ask", "wait"] * (3 * len(steps) + 20), "ask"]:
        if step == "offer":
            lane.offer(shipment(offered, 3 * offered, 3))
            offered += 1
        elif step == "send" and (taken := lane.take()) is not None:
            lane.sent(taken, now)
            sea.under_way.append(taken)
        elif step == "lose_link" and lane.take() is not None:
            lane.put_back()
        elif step in ("deliver", "lose"):
            sea.deliver(loses=step == "lose")
        elif step == "ask" and not sea.is_full:
            lane.believe(now)
            confirm(lane, sea.in_memory | sea.on_disk, now)
            let_go = lane.oldest.seqs[0] - 1 if lane.oldest is not None else 3 * offered - 1
            assert set(range(let_go + 1)) <= sea.on_disk
        elif step == "wait":
            now += 4000.0
            sea.write()
            through = lane.overdue(now, PATIENCE_S) if not sea.is_full else 0
            while (some := lane.sent_to(through)) is not None:
                sea.on_disk |= set(range(some.seqs[0], some.seqs[1] + 1))
                lane.written(some, now)
        elif step == "fill":
            sea.is_full = True
        elif step == "kill":
            sea.kill()
            lane.doubt(now)
    assert lane.oldest is None
