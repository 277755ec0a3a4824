"""Samples keep the epoch of their own time, whenever they arrive."""

from __future__ import annotations

from historian.epochs import EPOCH, Epochs
from plant import quality
from runtime.opcua_link.values import Reading


def told(*begins: tuple[int, int | None]) -> list[Reading]:
    return [Reading(EPOCH, epoch, quality.GOOD, time, time) for time, epoch in begins]


def test_without_a_jump_known_there_is_one_epoch() -> None:
    epochs = Epochs()
    assert (epochs.present, epochs.begin, epochs.at(5)) == (0, 0, 0)


def test_a_sample_read_back_later_keeps_the_epoch_of_its_time() -> None:
    epochs = Epochs()
    epochs.learn(told((100, 3), (150, None), (200, 4)))
    epochs.learn(told((200, 4), (300, 5)))
    assert [epochs.at(time) for time in (50, 100, 199, 200, 299, 300, 900)] == [3, 3, 3, 4, 4, 5, 5]
    assert (epochs.present, epochs.begin) == (5, 300)


def test_a_past_that_was_gone_back_to_is_the_later_epochs() -> None:
    epochs = Epochs()
    epochs.learn(told((100, 0), (50, 1)))
    assert [epochs.at(time) for time in (20, 50, 120)] == [0, 1, 1]
