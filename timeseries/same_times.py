"""Where samples stand that have the time of another: those of a server that is none of ours.

Such a server may give another value, or another StatusCode, the SourceTimestamp of the one before it, as where a device
no longer answers (UncertainLastUsableValue). Of a signal and an epoch each time has one sample, so what comes next with
the same time stands a tick behind. The same again, by another way or over another connection, is found where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from plant.clock import TICKS_PER_SECOND
from timeseries.arriving import Arriving
from timeseries.columns import Columns
from timeseries.nearby import Content, Place, contents

LONGEST = TICKS_PER_SECOND
"""So many ticks are looked through for samples that stand behind each other without a hole."""


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
        is_newer = arriving.newest.is_newer(columns)
        self._look(columns, ~is_newer, arriving)
        times, beside = columns.times.copy(), _Beside(arriving)
        rows = zip(
            columns.signals.tolist(), columns.epochs.tolist(), columns.times.tolist(), is_newer.tolist(),
            contents(columns), strict=True,
        )  # fmt: skip
        for row, (signal, epoch, time, is_ahead, own) in enumerate(rows):
            stands, known = time, self._from(signal, (epoch, time), beside)
            if known is not None or not is_ahead or beside.has_added(signal, epoch, time):
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

    def _look(self, columns: Columns, is_late: NDArray[np.bool_], arriving: Arriving) -> None:
        """Have in one go what will be looked at, but for little: around what is late, and where the last ones stand."""
        begins, is_asked = columns.times.copy(), is_late.copy()
        numbers, first = np.unique(columns.signals, return_index=True)
        places = zip(columns.epochs[first].tolist(), columns.times[first].tolist(), strict=True)
        for signal, row, place in zip(numbers.tolist(), first.tolist(), places, strict=True):
            last = self._last.get(signal)
            if last is not None and last[0] == place:
                begins[row], is_asked[row] = last[1], True
        arriving.look(columns.signals[is_asked], begins[is_asked])

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

    def __init__(self, arriving: Arriving) -> None:
        self._arriving = arriving
        self._added: dict[tuple[int, int, int], Content] = {}

    def has_added(self, signal: int, epoch: int, time: int) -> bool:
        """Tell whether a sample of the batch stands there."""
        return (signal, epoch, time) in self._added

    def add(self, signal: int, epoch: int, time: int, content: Content) -> None:
        """Note where a sample of the batch stands."""
        self._added.setdefault((signal, epoch, time), content)

    def standing(self, signal: int, epoch: int, time: int, own: Content) -> int:
        """Return the first time from one on where the same stands, or nothing."""
        while True:
            there = self._added.get((signal, epoch, time)) or self._arriving.content(signal, (epoch, time))
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
        return self._arriving.count(signal, place[1], reached[1] + 1) > ticks
