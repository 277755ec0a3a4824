"""At most one sample a signal in a time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from historian.thinning import Thinning

Samples = list[tuple[int, int]]
"""Signal and time."""


def kept(thinning: Thinning, samples: Samples) -> list[bool]:
    signals, times = zip(*samples, strict=True)
    return thinning.keeps(np.array(signals, np.int32), np.array(times, np.int64)).tolist()


def test_each_signal_for_itself() -> None:
    thinning = Thinning(10, 2)
    times = (0, 5, 9, 10, 19, 25)
    assert kept(thinning, [(0, time) for time in times]) == [True, False, False, True, False, True]
    assert kept(thinning, [(1, 26), (0, 27)]) == [True, False]


def test_nothing_is_thinned_when_all_is_wanted() -> None:
    assert kept(Thinning(0, 1), [(0, time) for time in (0, 0, 1, 2)]) == [True] * 4


def test_after_a_jump_back_of_plant_time_samples_are_kept_again() -> None:
    samples = [(0, time) for time in (1000, 1005, 200, 205, 210)]
    assert kept(Thinning(10, 1), samples) == [True, False, True, False, True]


@given(st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), min_size=1), max_size=8))
def test_it_does_not_matter_how_samples_are_parted_into_notifications(notifications: list[Samples]) -> None:
    together, one_by_one = Thinning(10, 4), Thinning(10, 4)
    for samples in notifications:
        assert kept(together, samples) == [kept(one_by_one, [sample])[0] for sample in samples]
