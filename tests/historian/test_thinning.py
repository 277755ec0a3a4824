"""At most one sample a signal in a time."""

from __future__ import annotations

from historian.thinning import Thinning


def test_each_signal_for_itself() -> None:
    thinning = Thinning(10)
    assert [thinning.keeps("R101.T", time) for time in (0, 5, 9, 10, 19, 25)] == [True, False, False, True, False, True]
    assert thinning.keeps("R102.T", 26)


def test_nothing_is_thinned_when_all_is_wanted() -> None:
    thinning = Thinning(0)
    assert all(thinning.keeps("R101.T", time) for time in (0, 0, 1, 2))


def test_after_a_jump_back_of_plant_time_samples_are_kept_again() -> None:
    thinning = Thinning(10)
    assert [thinning.keeps("R101.T", time) for time in (1000, 1005, 200, 205, 210)] == [True, False, True, False, True]
