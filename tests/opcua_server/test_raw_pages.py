"""Raw history page by page is what a plain list gives: bounds, both directions, open ends (OPC 10000-11 §6.5.3)."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opcua_server.historical_access import raw
from plant.clock import TICKS_PER_SECOND
from timeseries.columns import Columns
from timeseries.reading import FOREVER, History
from timeseries.signals import SignalInfo
from timeseries.store import Store

BASE, S = 10**15, TICKS_PER_SECOND
INFO = SignalInfo("R101.T", "K", 11)
Row = tuple[int, int | None]
"""Time, and the epoch; None: a bound that was not found."""

PLACES = st.sets(st.tuples(st.integers(0, 12), st.integers(0, 1)), max_size=10)
ENDS = st.one_of(st.just(0), st.integers(-2, 14).map(lambda tick: BASE + tick))


def plain(rows: Sequence[Row], span: raw.Span) -> list[Row]:
    """Return the answer by the text, at once."""
    times = [time for time, _ in rows]
    if span.with_bounds:
        before = [time for time in times if time <= span.low]
        after = [time for time in times if time >= span.high + (span.low == span.high)]
        low = (max(before) if before else span.low) if span.low else -FOREVER
        high = (min(after) if after else span.high) if span.high else FOREVER
        found = [row for row in rows if low <= row[0] <= high]
        if span.low and not before:
            found.insert(0, (span.low, None))
        if span.high and not after:
            found.append((span.high, None))
    else:
        low, high = span.within
        found = [row for row in rows if low <= row[0] < high]
    if span.is_backward:
        found.reverse()
    if span.with_bounds and not (span.start and span.end):
        found.append((found[-1][0] + (-S if span.is_backward else S), None))
    return found


def rows_of(page: raw.Page) -> list[Row]:
    found: list[Row] = [] if page.before is None else [(page.before, None)]
    found += zip(page.samples.times.tolist(), page.samples.epochs.tolist(), strict=True)
    return found if page.after is None else [*found, (page.after, None)]


def paged(history: History, number: int, span: raw.Span, most: int) -> list[Row]:
    found: list[Row] = []
    point = None
    while True:
        page = raw.read(history, number, INFO, span, most, point)
        assert len(page) <= most
        found += rows_of(page)
        if (point := page.point) is None:
            return found


@contextmanager
def filled(rows: Collection[tuple[int, int]]) -> Iterator[tuple[History, int]]:
    """A history with samples at some times and of some epochs."""
    with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder))) as store:
        store.declare([INFO])
        (number,) = store.numbers([INFO.name]).tolist()
        times, epochs = [time for time, _ in rows], [epoch for _, epoch in rows]
        store.append(Columns.of(len(rows), signals=number, times=times, epochs=epochs))
        with closing(History(Path(folder))) as history:
            yield history, number


@given(PLACES, ENDS, ENDS, st.booleans(), st.integers(1, 7))
def test_pages_are_the_whole(places: set[tuple[int, int]], start: int, end: int, bounds: bool, most: int) -> None:
    if start or end:
        span, rows = raw.Span(start, end, bounds), sorted((BASE + tick, epoch) for tick, epoch in places)
        with filled(rows) as (history, number):
            assert paged(history, number, span, most) == plain(rows, span)


HISTORY = [(BASE + 60 * S * minute, 0) for minute in (0, 2, 3, 5, 6)]
"""By the minute past five, as in §4.6."""
FIRST, LAST = "first", "last"


@pytest.mark.parametrize(
    ("start", "end", "most", "wanted"),
    [
        (0, 5, 9, [0, 2, 3, 5]), (1, 4, 9, [0, 2, 3, 5]), (5, 0, 9, [5, 3, 2, 0]), (4, 1, 9, [5, 3, 2, 0]),
        (-1, 5, 9, [FIRST, 0, 2, 3, 5]), (1, 7, 9, [0, 2, 3, 5, 6, LAST]), (0, 5, 3, [0, 2, 3, ...]),
        (1, 4, 3, [0, 2, 3, ...]), (5, 0, 3, [5, 3, 2, ...]), (-1, 5, 3, [FIRST, 0, 2, ...]), (1, 7, 3, [0, 2, 3, ...]),
        (0, None, 3, [0, 2, 3, ...]), (0, None, 6, [0, 2, 3, 5, 6, LAST]), (7, None, 6, [6, LAST]),
        (None, 6, 3, [6, 5, 3, ...]), (None, 6, 6, [6, 5, 3, 2, 0, FIRST]), (None, -12, 6, [0, FIRST]),
        (-12, -12, 9, [FIRST, 0]), (-12, -12, 1, [FIRST, ...]), (-12, -12, 2, [FIRST, 0]), (0, 0, 9, [0, 2]),
        (0, 0, 1, [0, ...]), (1, 1, 9, [0, 2]), (1, 1, 1, [0, ...]), (6, 6, 9, [6, LAST]), (8, 8, 9, [6, LAST]),
    ],
)  # fmt: skip
def test_bounds_are_those_of_table_1(start: int | None, end: int | None, most: int, wanted: list[Any]) -> None:
    ends = [0 if minute is None else BASE + 60 * S * minute for minute in (start, end)]
    with filled(HISTORY) as (history, number):
        page = raw.read(history, number, INFO, raw.Span(*ends, with_bounds=True), most, None)
    found: list[Row] = []
    for each in wanted:
        if each in (FIRST, LAST):
            given = ends[0] if each == FIRST else ends[1]
            found.append((given or found[-1][0] + (S if each == LAST else -S), None))
        elif each is not ...:
            found.append((BASE + 60 * S * each, 0))
    assert rows_of(page) == found
    assert (page.point is not None) == (... in wanted)
