"""One order of time out of several: a name may have stood for signals of several types."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from timeseries.columns import Columns

Run = tuple[int, Columns]
"""Which one, and samples of it."""


def merged(sources: Sequence[Iterator[Columns]]) -> Iterator[Run]:
    """Yield the samples of all in order of time and epoch, those of one as long as none of another comes between."""
    waiting = [next(source, None) for source in sources]
    while True:
        present = [place for place, page in enumerate(waiting) if page is not None]
        if len(present) <= 1:
            break
        pages = {place: page for place in present if (page := waiting[place]) is not None}
        end = min(int(page.times[-1]) for page in pages.values())
        taken = {}
        for place, page in pages.items():
            count = int(np.searchsorted(page.times, end, side="right"))
            taken[place] = page.take(np.arange(count))
            rest = page.take(np.arange(count, len(page)))
            waiting[place] = rest if len(rest) else next(sources[place], None)
        yield from _in_order(taken)
    for place in present:
        page = waiting[place]
        while page is not None:
            yield place, page
            page = next(sources[place], None)


def united_pages(sources: Sequence[Iterator[Columns]], *, backward: bool = False) -> Iterator[Columns]:
    """Yield the samples of all, each page in order of time and epoch; backward, the latest page first."""
    waiting = [next(source, None) for source in sources]
    while pages := {place: page for place, page in enumerate(waiting) if page is not None}:
        if backward:
            edge = max(int(page.times[0]) for page in pages.values())
        else:
            edge = min(int(page.times[-1]) for page in pages.values())
        taken = []
        for place, page in pages.items():
            is_first = page.times >= edge if backward else page.times <= edge
            taken.append(page.take(is_first))
            rest = page.take(~is_first)
            waiting[place] = rest if len(rest) else next(sources[place], None)
        whole = Columns.joined(taken)
        yield whole.take(np.lexsort((whole.epochs, whole.times)))


def _in_order(pages: dict[int, Columns]) -> Iterator[Run]:
    owner = np.concatenate([np.full(len(page), place) for place, page in pages.items()])
    row = np.concatenate([np.arange(len(page)) for page in pages.values()])
    times = np.concatenate([page.times for page in pages.values()])
    epochs = np.concatenate([page.epochs for page in pages.values()])
    order = np.lexsort((epochs, times))
    owner, row = owner[order], row[order]
    edges = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(owner)]
    for first, last in itertools.pairwise(edges):
        if first < last:
            place = int(owner[first])
            yield place, pages[place].take(row[first:last])
