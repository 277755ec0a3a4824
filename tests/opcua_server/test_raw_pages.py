"""Raw history page by page is what a plain list gives: bounds, both directions, open ends (OPC 10000-11 §6.5.3)."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opcua_server.historical_access import raw
from timeseries.columns import Columns
from timeseries.reading import FOREVER, History
from timeseries.signals import SignalInfo
from timeseries.store import Store

BASE = 10**15
INFO = SignalInfo("R101.T", "K", 11)
Row = tuple[int, int | None]
"""Time, and the epoch; None: a bound that was not found."""

PLACES = st.sets(st.tuples(st.integers(0, 12), st.integers(0, 1)), max_size=10)
ENDS = st.one_of(st.just(0), st.integers(-2, 14).map(lambda tick: BASE + tick))


def plain(rows: list[Row], span: raw.Span) -> list[Row]:
    """Return the answer by the text, at once."""
    times = [time for time, _ in rows]
    if span.with_bounds:
        before = [time for time in times if time <= span.low]
        after = [time for time in times if time >= span.high]
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
    return found[::-1] if span.is_backward else found


def paged(history: History, number: int, span: raw.Span, most: int) -> list[Row]:
    found: list[Row] = []
    point = None
    while True:
        page = raw.read(history, number, INFO, span, most, point)
        assert len(page) <= most
        found += [] if page.before is None else [(page.before, None)]
        found += zip(page.samples.times.tolist(), page.samples.epochs.tolist(), strict=True)
        found += [] if page.after is None else [(page.after, None)]
        if (point := page.point) is None:
            return found


def answers(places: set[tuple[int, int]], span: raw.Span, most: int) -> tuple[list[Row], list[Row]]:
    rows: list[Row] = sorted((BASE + tick, epoch) for tick, epoch in places)
    with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder))) as store:
        store.declare([INFO])
        (number,) = store.numbers([INFO.name]).tolist()
        times, epochs = [time for time, _ in rows], [epoch for _, epoch in rows]
        store.append(Columns.of(len(rows), signals=number, times=times, epochs=epochs))
        with closing(History(Path(folder))) as history:
            return paged(history, number, span, most), plain(rows, span)


@given(PLACES, ENDS, ENDS, st.booleans(), st.integers(1, 7))
def test_pages_are_the_whole(places: set[tuple[int, int]], start: int, end: int, bounds: bool, most: int) -> None:
    if start or end:
        found, wanted = answers(places, raw.Span(start, end, bounds), most)
        assert found == wanted


@pytest.mark.parametrize("most", [1, 2, 9])
@pytest.mark.parametrize(("tick", "wanted"), [(3, [(3, None), (5, 0)]), (7, [(5, 0), (7, None)]), (5, [(5, 0)])])
def test_both_ends_at_one_time(tick: int, wanted: list[Row], most: int) -> None:
    found, _ = answers({(5, 0)}, raw.Span(BASE + tick, BASE + tick, with_bounds=True), most)
    assert found == [(BASE + tick, epoch) for tick, epoch in wanted]
