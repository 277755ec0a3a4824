"""Samples keep the epoch of their own time, whenever they arrive."""

from __future__ import annotations

import itertools

import pytest

from historian.epochs import EPOCH, Epochs
from plant import quality
from runtime.opcua_link.values import Reading


def told(*begins: tuple[int, int | None]) -> list[Reading]:
    return [Reading(EPOCH, epoch, quality.GOOD, time, time) for time, epoch in begins]


def test_without_a_jump_known_there_is_one_epoch() -> None:
    epochs = Epochs()
    assert (epochs.present, epochs.begin_behind(0), epochs.at(5)) == (0, 0, 0)


def test_a_sample_read_back_later_keeps_the_epoch_of_its_time() -> None:
    epochs = Epochs()
    epochs.learn(told((100, 3), (150, None), (200, 4)))
    epochs.learn(told((200, 4), (300, 5)))
    assert [epochs.at(time) for time in (50, 100, 199, 200, 299, 300, 900)] == [3, 3, 3, 4, 4, 5, 5]
    assert (epochs.present, epochs.begin_behind(3), epochs.begin_behind(4)) == (5, 200, 300)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_past_that_was_gone_back_to_is_the_later_epochs_in_whatever_order_that_is_told(order: list[int]) -> None:
    epochs, begins = Epochs(), ((10, 0), (100, 1), (51, 2))
    for place in order:
        epochs.learn(told(begins[place]))
    assert [epochs.at(time) for time in (20, 50, 51, 99, 120)] == [0, 0, 2, 2, 2]
    assert epochs.present == 2
    assert [epochs.begin_behind(epoch) for epoch in range(3)] == [51, 51, 51]


def test_an_epoch_began_when_it_was_told_of_first() -> None:
    epochs = Epochs()
    epochs.learn(told((300, 1), (200, 1), (0, 0), (400, 1)))
    assert (epochs.begin_behind(0), epochs.at(250)) == (200, 1)


def test_of_a_server_that_has_begun_anew_all_is_wanted() -> None:
    epochs = Epochs()
    epochs.learn(told((500, 0), (900, 1)))
    assert epochs.begin_behind(7) == 900
