"""Samples of several signals in one order of time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from timeseries.columns import Columns
from timeseries.merging import merged, united_pages

PLACES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), unique=True, max_size=25)


def pages(places: list[tuple[int, int]], source: int, size: int) -> Iterator[Columns]:
    """Pages as the history has them: in order, none with one time's samples in two."""
    ordered = sorted(places)
    while ordered:
        last = ordered[min(size, len(ordered)) - 1][0]
        page = [each for each in ordered if each[0] <= last]
        ordered = ordered[len(page) :]
        times, epochs = np.array(page).T
        yield Columns.of(len(page), times=times, epochs=epochs, words=np.full(len(page), source))


@given(st.lists(PLACES, max_size=3), st.integers(1, 8))
def test_nothing_is_lost_and_all_stands_in_order(sources: list[list[tuple[int, int]]], size: int) -> None:
    runs = list(merged([pages(places, number, size) for number, places in enumerate(sources)]))
    found = [
        (time, epoch, place)
        for place, run in runs
        for time, epoch in zip(run.times.tolist(), run.epochs.tolist(), strict=True)
    ]
    assert sorted(found) == sorted((*each, number) for number, places in enumerate(sources) for each in places)
    assert [each[:2] for each in found] == sorted(each[:2] for each in found)
    assert all((run.words == place).all() for place, run in runs)


@given(st.lists(PLACES, max_size=3), st.integers(1, 8), st.booleans())
def test_united_pages_follow_each_other_either_way(
    sources: list[list[tuple[int, int]]], size: int, backward: bool
) -> None:
    each = [list(pages(places, number, size)) for number, places in enumerate(sources)]
    found = list(united_pages([iter(some[::-1] if backward else some) for some in each], backward=backward))
    places = [list(zip(page.times.tolist(), page.epochs.tolist(), strict=True)) for page in found]
    whole = [place for page in (places[::-1] if backward else places) for place in page]
    assert whole == sorted(place for places in sources for place in places)
