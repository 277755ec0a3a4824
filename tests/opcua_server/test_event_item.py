"""The queue of an event item: what is kept, what is told of lost events, what is released."""

from __future__ import annotations

from asyncua import ua

from opcua_server.monitoring.event import Event
from opcua_server.monitoring.event_filter import Attribute, EventFilter
from opcua_server.monitoring.event_item import EventItem
from opcua_server.monitoring.sample import NotifierSource
from opcua_server.monitoring.spec import REPORTING, SAMPLING, Spec

SERVER, KIND = ua.NodeId(2253), ua.NodeId(2041)
FILTER = EventFilter((Attribute(KIND, ("Severity",)),))
LOST = 999


def event(number: int, *notifiers: ua.NodeId) -> Event:
    fields = {("Severity",): ua.Variant(number, ua.VariantType.UInt16)}
    return Event(KIND, frozenset((KIND,)), SERVER, frozenset(notifiers or (SERVER,)), fields)


def make(size: int, *, oldest: bool = True, mode: int = REPORTING) -> EventItem:
    source = NotifierSource(SERVER, lambda: event(LOST))
    spec = Spec(source, handle=7, mode=mode, size=size, discard_oldest=oldest, event_filter=FILTER)
    return EventItem(spec, source, FILTER)


def taken(item: EventItem, limit: int = 100) -> list[int]:
    """Take, check handle and number of fields, and return the events' numbers."""
    parts = item.take(limit)
    assert all(part[:9] == b"\x07\x00\x00\x00\x01\x00\x00\x00\x05" for part in parts)
    return [int.from_bytes(part[9:], "little") for part in parts]


def test_events_come_in_their_order_and_once() -> None:
    item = make(3)
    assert [item.offer(event(number)) for number in (1, 2, 3)] == [True] * 3
    assert taken(item, 2) == [1, 2]
    assert taken(item) == [3]
    assert taken(item) == []


def test_an_event_that_is_told_elsewhere_is_not_queued() -> None:
    item = make(3)
    assert not item.offer(event(1, ua.NodeId(85)))
    assert item.waiting == 0


def test_where_the_oldest_are_discarded_the_loss_is_told_first_and_once() -> None:
    item = make(2)
    for number in range(1, 7):
        item.offer(event(number))
    assert item.waiting == 3  # the event that tells it is beyond the size
    assert item.overflows == 4
    assert taken(item) == [LOST, 5, 6]
    item.offer(event(7))
    assert taken(item) == [7]
    for number in (8, 9, 10):
        item.offer(event(number))
    assert taken(item) == [LOST, 9, 10]


def test_where_the_newest_are_replaced_the_loss_is_told_last() -> None:
    item = make(3, oldest=False)
    for number in range(1, 7):
        item.offer(event(number))
    assert taken(item, 1) == [1]
    item.offer(event(7))
    assert taken(item) == [2, 6, 7, LOST]


def test_a_queue_of_one_tells_of_its_losses_too() -> None:
    item = make(1)
    for number in (1, 2):
        item.offer(event(number))
    assert taken(item) == [LOST, 2]


def test_in_sampling_mode_only_what_was_released_is_published() -> None:
    item = make(3, mode=SAMPLING)
    item.offer(event(1))
    assert taken(item) == []
    item.release()
    item.offer(event(2))
    assert taken(item) == [1]
    item.release()
    for number in (3, 4, 5):  # 2 is lost, and was to be published
        item.offer(event(number))
    assert item.released == 0
    item.release()
    assert taken(item) == [LOST, 3, 4, 5]


def test_a_queue_that_shrinks_keeps_what_fits() -> None:
    item = make(4)
    for number in (1, 2, 3, 4):
        item.offer(event(number))
    item.follow(Spec(item.spec.source, handle=7, size=2, event_filter=FILTER))
    item.release()
    assert taken(item) == [LOST, 3, 4]


def test_a_queue_that_is_cut_for_all_tells_so() -> None:
    item = make(100)
    for number in range(10):
        item.offer(event(number))
    item.shorten()
    item.release()
    assert taken(item) == [LOST, 5, 6, 7, 8, 9]
