"""Samples that are joined as they come."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from timeseries.columns import DTYPES, Columns
from timeseries.growing import Growing
from timeseries.unpacked import Unpacked


def part(size: int, seed: int) -> Columns:
    """Return samples that differ from those of other seeds in each column; each third is text."""
    columns = {name: np.arange(size) + 100 * seed for name in DTYPES}
    return Columns.of(size, {row: f"{seed}.{row}" for row in range(0, size, 3)}, **columns)


def same(one: Columns, other: Columns) -> bool:
    """Tell whether all of them is equal."""
    return one.texts == other.texts and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in DTYPES)


@given(st.lists(st.integers(0, 9), max_size=12))
def test_parts_are_one_after_the_other_and_what_was_seen_stays(sizes: list[int]) -> None:
    parts = [part(size, seed) for seed, size in enumerate(sizes)]
    growing, seen = Growing(), []
    for each in parts:
        growing.add(each)
        seen.append(growing.columns())
    assert growing.newest_place == Columns.joined(parts).newest_place()
    for count, columns in enumerate(seen, start=1):
        assert same(columns, Columns.joined(parts[:count]))


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=12))
def test_readers_see_the_blocks_behind_the_archive_whoever_is_ahead(asked: list[tuple[int, int]]) -> None:
    """Several share what is unpacked: one may know of later blocks, or of what the archive has meanwhile."""
    blocks = [(number, part(number % 4, number)) for number in range(1, 13)]
    unpacked = Unpacked()
    for behind, newest in asked:
        expected = [each for each in blocks if behind < each[0] <= newest]

        def unpack(after: int, newest: int = newest) -> Iterator[tuple[int, Columns]]:
            return iter([each for each in blocks if after < each[0] <= newest])

        found = unpacked.samples_behind(behind, unpack)
        assert unpacked.newest_behind(behind, unpack) == found.newest_place()
        more = len(found) - sum(len(columns) for _, columns in expected)
        assert more >= 0
        assert same(found.take(np.arange(len(found) - more)), Columns.joined([columns for _, columns in expected]))
