"""Where samples stand that have the time of another: those of a server that is none of ours.

Such a server may give another value, or another StatusCode, the SourceTimestamp of the one before it, as where a device
no longer answers (UncertainLastUsableValue). Of a signal and an epoch each time has one sample, so what comes next with
the same time stands a tick behind. The same again, by another way or over another connection, is found where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.arriving import Arriving
from timeseries.columns import Columns

Place = tuple[int, int]
"""Epoch and time."""
_Content = tuple[int, int, str | None]
"""StatusCode, word and text."""
LONGEST = TICKS_PER_SECOND
"""So many ticks are looked through for samples that stand behind each other without a hole."""
_AROUND = 1000
"""Ticks that are looked at together."""


class SameTimes:
    """Of one stream, live or read back: samples of a signal come in the order in which the server had them."""

    def __init__(self, reached: Mapping[int, Place] | None = None) -> None:
        """`reached`, of what is live: the newest sample of each signal by then; the first to come may be that."""
        self._is_live = reached is not None
        self._last: dict[int, tuple[Place, int]] = {}
        """Of each signal the last sample's place as it came, and the time where it stands."""
        self._reached = dict(reached or {})
        self._next: dict[int, tuple[Place, int]] = {}
        """The last samples of a batch that is not stored yet."""

    def apart(self, columns: Columns, arriving: Arriving) -> Columns:
        """Return samples each at a time of its own, but for what is there already, which has the time of that.

        What comes next goes on from there once this is `stored`.
        """
        self._next = {}
        times, beside = columns.times.copy(), _Beside(columns, arriving)
        rows = zip(
            columns.signals.tolist(), columns.epochs.tolist(), columns.times.tolist(),
            arriving.newest.is_newer(columns).tolist(), _contents(columns), strict=True,
        )  # fmt: skip
        for row, (signal, epoch, time, is_newer, own) in enumerate(rows):
            stands, known = time, self._from(signal, (epoch, time), beside)
            if known is not None or not is_newer or beside.has_added(signal, epoch, time):
                stands = beside.standing(signal, epoch, time if known is None else known, own)
            beside.add(signal, epoch, stands, own)
            self._next[signal] = (epoch, time), stands
            times[row] = stands
        return replace(columns, times=times)

    def stored(self) -> None:
        """Note that the last samples are stored."""
        self._last |= self._next
        for signal in self._next:
            self._reached.pop(signal, None)

    def _from(self, signal: int, place: Place, beside: _Beside) -> int | None:
        """Return where the last one stands of the time of a sample; None where that is not known."""
        last = self._next.get(signal) or self._last.get(signal)
        if last is None:
            stands, newest = None, self._reached.get(signal)
        elif last[0] == place:
            stands, newest = last[1], beside.newest(signal) if self._is_live else None
        else:
            return None
        begin = place[0], place[1] if stands is None else stands
        return newest[1] if newest is not None and beside.is_unbroken(signal, begin, newest) else stands


class _Beside:
    """What is there already beside the samples of a batch, those of the batch among it."""

    def __init__(self, columns: Columns, arriving: Arriving) -> None:
        self._columns, self._arriving = columns, arriving
        self._added: dict[tuple[int, int, int], _Content] = {}
        self._seen: dict[int, tuple[int, int, dict[Place, _Content]]] = {}
        """Of a signal what was looked at last: from when to when, and what is there."""
        self._spans: dict[int, tuple[int, int]] | None = None

    def has_added(self, signal: int, epoch: int, time: int) -> bool:
        """Tell whether a sample of the batch stands there."""
        return (signal, epoch, time) in self._added

    def add(self, signal: int, epoch: int, time: int, content: _Content) -> None:
        """Note where a sample of the batch stands."""
        self._added.setdefault((signal, epoch, time), content)

    def standing(self, signal: int, epoch: int, time: int, own: _Content) -> int:
        """Return the first time from one on where the same stands, or nothing."""
        while True:
            there = self._added.get((signal, epoch, time)) or self._stored(signal, (epoch, time))
            if there == own or (there is None and self.newest(signal) != (epoch, time)):
                return time
            time += 1  # another stands there, or one that is damaged

    def newest(self, signal: int) -> Place | None:
        """Return the newest sample of a signal that was stored before."""
        return self._arriving.newest.of(signal)

    def is_unbroken(self, signal: int, place: Place, reached: Place) -> bool:
        """Tell whether there is a sample at each tick from one to another."""
        ticks = reached[1] - place[1]
        if reached[0] != place[0] or not 0 < ticks < LONGEST:
            return False
        return len(self._arriving.stored(signal, place[1], reached[1] + 1)) > ticks

    def _stored(self, signal: int, place: Place) -> _Content | None:
        low, high, found = self._seen.get(signal, (0, 0, {}))
        if not low <= place[1] < high:
            low, high = self._span(signal)
            if not low <= place[1] < high:
                low, high = place[1], place[1] + _AROUND
            there = self._arriving.stored(signal, low, high)
            places = zip(there.epochs.tolist(), there.times.tolist(), strict=True)
            found = dict(zip(places, _contents(there), strict=True))
            self._seen[signal] = low, high, found
        return found.get(place)

    def _span(self, signal: int) -> tuple[int, int]:
        """Return from when to when samples of the batch are, and a little further."""
        if self._spans is None:
            signals, times = self._columns.signals, self._columns.times
            order = np.argsort(signals, kind="stable")
            numbers, first = np.unique(signals[order], return_index=True)
            lows, highs = (each.reduceat(times[order], first) for each in (np.minimum, np.maximum))
            spans = zip(lows.tolist(), (highs + _AROUND).tolist(), strict=True)
            self._spans = dict(zip(numbers.tolist(), spans, strict=True))
        return self._spans[signal]


def _contents(columns: Columns) -> list[_Content]:
    codes, words = columns.statuses & np.uint32(quality.CODE_BITS), columns.words
    if not columns.texts:
        return [(code, word, None) for code, word in zip(codes.tolist(), words.tolist(), strict=True)]
    rows = enumerate(zip(codes.tolist(), words.tolist(), strict=True))
    return [(code, word, columns.texts.get(row)) for row, (code, word) in rows]
