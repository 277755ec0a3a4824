"""Signals are read back together whose gaps begin at about the same time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from historian.gaps import AT_ONCE, alike, halves
from plant.clock import TICKS_PER_SECOND


@given(st.dictionaries(st.text(max_size=4), st.integers(0, 2**62), max_size=200))
def test_each_signal_is_in_one_group(starts: dict[str, int]) -> None:
    groups = list(alike(starts))
    assert sorted(name for group in groups for name in group) == sorted(starts)
    assert all(0 < len(group) <= AT_ONCE for group in groups)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_span_is_cut_at_midnights_until_there_are_none(low: int, length: int, beyond: int) -> None:
    hour = 3600 * TICKS_PER_SECOND
    low, high = low * hour, (low + length) * hour
    parts, days = [(low, high)], []
    while parts:
        part = parts.pop()
        halved = halves(*part, high - beyond * hour)
        parts += halved
        days += [] if halved else [part]
    days.reverse()
    assert (days[0][0], days[-1][1]) == (low, high)
    assert [start for start, _ in days[1:]] == [end for _, end in days[:-1]]
    midnights = [hour * each for each in range(0, 20_001, 24) if low < hour * each < high - beyond * hour]
    assert [start for start, _ in days[1:]] == midnights


def test_who_has_waited_for_long_is_alone() -> None:
    starts = {f"R{number}.T": number * TICKS_PER_SECOND // 10 for number in range(200, 270)}
    old = {"R101.TIC101.SP": 5, "R101.TIC101.Mode": 70 * TICKS_PER_SECOND}
    assert [len(group) for group in alike(starts | old)] == [1, 50, 20, 1]
