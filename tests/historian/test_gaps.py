"""Signals are read back together whose gaps begin at about the same time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from historian.gaps import AT_ONCE, alike
from plant.clock import TICKS_PER_SECOND


@given(st.dictionaries(st.text(max_size=4), st.integers(0, 2**62), max_size=200))
def test_each_signal_is_in_one_group(starts: dict[str, int]) -> None:
    groups = list(alike(starts))
    assert sorted(name for group in groups for name in group) == sorted(starts)
    assert all(0 < len(group) <= AT_ONCE for group in groups)


def test_who_has_waited_for_long_is_alone() -> None:
    starts = {f"R{number}.T": number * TICKS_PER_SECOND // 10 for number in range(200, 270)}
    old = {"R101.TIC101.SP": 5, "R101.TIC101.Mode": 70 * TICKS_PER_SECOND}
    assert [len(group) for group in alike(starts | old)] == [1, 50, 20, 1]
