"""What is kept for Republish: the newest of each subscription, and not too much for all."""

from __future__ import annotations

import pytest

from opcua_server.monitoring import retransmission
from opcua_server.monitoring.retransmission import MOST_KEPT, Store


def test_what_is_acknowledged_is_forgotten_once() -> None:
    store = Store()
    kept = store.open()
    kept.keep(1, b"one")
    kept.keep(2, b"two")
    assert (kept.available, kept.get(1), store.size) == ([1, 2], b"one", 6)
    assert kept.forget(1)
    assert not kept.forget(1)
    assert (kept.available, kept.get(1), store.size) == ([2], None, 3)


def test_a_subscription_keeps_the_newest_of_too_many() -> None:
    kept = Store().open()
    for number in range(1, MOST_KEPT + 3):
        kept.keep(number, b"message")
    assert kept.available == list(range(3, MOST_KEPT + 3))


def test_the_one_that_keeps_most_makes_room_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retransmission, "MOST_BYTES", 1_000)
    store = Store()
    modest, greedy = store.open(), store.open()
    modest.keep(1, bytes(100))
    for number in range(1, 50):
        greedy.keep(number, bytes(100))
        assert store.size <= 1_000
    assert modest.available == [1]
    assert greedy.available[-1] == 49
    assert store.size == modest.size + greedy.size


def test_one_message_larger_than_all_there_is_room_for_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retransmission, "MOST_BYTES", 10)
    store = Store()
    kept = store.open()
    kept.keep(1, bytes(11))
    assert (kept.available, store.size) == ([], 0)


def test_a_subscription_that_ends_leaves_nothing() -> None:
    store = Store()
    ended, other = store.open(), store.open()
    ended.keep(1, b"ended")
    other.keep(1, b"other")
    ended.close()
    assert (store.size, other.available) == (5, [1])
