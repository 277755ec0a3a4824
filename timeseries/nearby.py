"""What is stored around samples that come late: read some time ahead, and kept up, since more of them follow.

A server whose clock was set back sends nothing else until it has caught up, of all its signals.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.columns import Columns, Ticks

Place = tuple[int, int]
"""Epoch and time."""
Content = tuple[int, int, str | bytes | None]
"""StatusCode, word, and text; of a long one its SHA-256."""
Span = tuple[int, int]
"""From when to when, ticks; the end is not in it."""
Read = Callable[[Mapping[int, Span]], Mapping[int, Columns]]
"""Returns what is stored of some signals, of each in a span of its own."""
AHEAD = 60 * TICKS_PER_SECOND
AROUND = 1000
"""Ticks behind a sample that are always looked at with it: so many may stand there for having its time."""
LONG = 100
"""Characters of a text that is not remembered itself."""
MOST, LEAST = 200_000, 16
"""Samples that are remembered of all signals together, half of them as they are read; and of each at least."""


@dataclass(frozen=True, slots=True)
class _Window:
    """All that is stored of a signal with low <= time < high."""

    low: int
    high: int
    found: dict[Place, Content]


class Nearby:
    """A window on each signal of which something has come late; whoever stores a sample has it noted here."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._windows: dict[int, _Window] = {}
        self._most = LEAST

    def forget(self, signals: int) -> None:
        """Forget everything; so many signals share the room from now on."""
        self._windows.clear()
        self._most = max(LEAST, MOST // 2 // max(1, signals))

    def around(self, signal: int, time: int) -> Mapping[Place, Content] | None:
        """Return what stands there and around it; None where that is not known."""
        window = self._windows.get(signal)
        return window.found if window is not None and window.low <= time < window.high else None

    def has(self, columns: Columns) -> list[bool]:
        """Tell of samples whose times were looked at whether they are there."""
        windows = self._windows
        rows = zip(columns.signals.tolist(), columns.epochs.tolist(), columns.times.tolist(), strict=True)
        return [(epoch, time) in windows[signal].found for signal, epoch, time in rows]

    def look(self, signals: NDArray[np.integer], times: Ticks) -> None:
        """Know what is stored at some times of signals; what is to be read for that is read in one go."""
        order = np.argsort(signals, kind="stable")
        numbers, first = np.unique(signals[order], return_index=True)
        if not len(numbers):
            return
        lows, highs = (each.reduceat(times[order], first).tolist() for each in (np.minimum, np.maximum))
        spans = {
            signal: (low, high)
            for signal, low, high in zip(numbers.tolist(), lows, highs, strict=True)
            if (window := self._windows.get(signal)) is None or not window.low <= low <= high < window.high
        }
        if spans:
            ahead = {signal: (low, max(high + AROUND, low + AHEAD)) for signal, (low, high) in spans.items()}
            for signal, there in self._read(ahead).items():
                self._windows[signal] = _window(ahead[signal], there, spans[signal][1] + AROUND, self._most)

    def note(self, columns: Columns) -> None:
        """Learn of samples that are stored now; a window that is left behind, or would grow large, is closed."""
        if not self._windows:
            return
        numbers, counts = np.unique(columns.signals, return_counts=True)
        more = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        for signal, window in list(self._windows.items()):
            if len(window.found) + more.get(signal, 0) > 2 * self._most:
                del self._windows[signal]
        if self._windows.keys().isdisjoint(more):
            return
        rows = zip(
            columns.signals.tolist(), columns.epochs.tolist(), columns.times.tolist(), contents(columns), strict=True
        )
        for signal, epoch, time, content in rows:
            if (at := self._windows.get(signal)) is None:
                continue
            if at.low <= time < at.high:
                at.found[epoch, time] = content
            else:
                del self._windows[signal]


def _window(span: Span, there: Columns, need: int, most: int) -> _Window:
    """Return a window on what is there, of `most` samples unless more are up to the time that it has to reach."""
    low, high = span
    times = np.sort(there.times)
    keep = max(most, int(np.searchsorted(times, need, side="right")))
    if keep < len(times):
        high = int(times[keep])
        there = there.take(there.times < high)
    places = zip(there.epochs.tolist(), there.times.tolist(), strict=True)
    return _Window(low, high, dict(zip(places, contents(there), strict=True)))


def contents(columns: Columns) -> list[Content]:
    """Return what tells a sample from another with its time; info bits do not."""
    codes, words = columns.statuses & np.uint32(quality.CODE_BITS), columns.words
    if not columns.texts:
        return [(code, word, None) for code, word in zip(codes.tolist(), words.tolist(), strict=True)]
    rows = enumerate(zip(codes.tolist(), words.tolist(), strict=True))
    texts = {row: text if len(text) <= LONG else _digest(text) for row, text in columns.texts.items()}
    return [(code, word, texts.get(row)) for row, (code, word) in rows]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
