"""Which of the samples that arrive are there already, and at which times the others stand.

Of a signal each time of an epoch has one sample: what comes again is known by that. A server that is none of ours may
give another value, or another StatusCode, the SourceTimestamp of the one before it, as where a device no longer answers
(UncertainLastUsableValue): that stands a tick behind it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from plant.clock import TICKS_PER_SECOND
from timeseries.columns import Columns
from timeseries.packing import Damaged
from timeseries.reading import History
from timeseries.signals import SignalInfo

_TOGETHER = TICKS_PER_SECOND
"""Within so many ticks samples may stand behind one that has their time."""
_Content = tuple[int, int, str | None]
"""StatusCode, word and text."""


class Newest:
    """Epoch and time of the newest sample of each signal, by the signals' numbers."""

    def __init__(self) -> None:
        self._epochs = np.full(1, -1, np.int64)
        self._times = np.zeros(1, np.int64)

    def grow(self, highest: int) -> None:
        """Make room for signals up to a number."""
        more = highest + 1 - len(self._epochs)
        if more > 0:
            self._epochs = np.append(self._epochs, np.full(more, -1, np.int64))
            self._times = np.append(self._times, np.zeros(more, np.int64))

    def of(self, signal: int) -> tuple[int, int] | None:
        """Return those of a signal, if it has samples."""
        epoch = int(self._epochs[signal])
        return (epoch, int(self._times[signal])) if epoch >= 0 else None

    def is_newer(self, columns: Columns) -> NDArray[np.bool_]:
        """Tell which samples are newer than all that is known of their signals."""
        epochs, times = self._epochs[columns.signals], self._times[columns.signals]
        newer: NDArray[np.bool_] = (columns.epochs > epochs) | ((columns.epochs == epochs) & (columns.times > times))
        return newer

    def is_it(self, columns: Columns) -> NDArray[np.bool_]:
        """Tell which samples are the newest themselves."""
        epochs, times = self._epochs[columns.signals], self._times[columns.signals]
        same: NDArray[np.bool_] = (columns.epochs == epochs) & (columns.times == times)
        return same

    def note(self, numbers: NDArray[np.integer], epochs: NDArray[np.integer], times: NDArray[np.int64]) -> None:
        """Learn of samples."""
        order = np.lexsort((times, epochs, numbers))
        last = order[np.flatnonzero(np.diff(numbers[order], append=-1))]
        which, epoch, time = numbers[last], epochs[last].astype(np.int64), times[last]
        newer = (epoch > self._epochs[which]) | ((epoch == self._epochs[which]) & (time > self._times[which]))
        self._epochs[which[newer]], self._times[which[newer]] = epoch[newer], time[newer]


class Arriving:
    """What arrives, beside what is stored."""

    def __init__(self, history: History, infos: Mapping[int, SignalInfo], newest: Newest) -> None:
        self._history, self._infos, self._newest = history, infos, newest

    def fresh(self, columns: Columns) -> Columns:
        """Return what is not there yet: by far the most is newer than all of its signal.

        What is beside a damaged part is stored, again perhaps: a reader has it once, also when that is put back.
        """
        is_newer = self._newest.is_newer(columns)
        if is_newer.all() and columns.goes_on():
            return columns
        is_fresh = ~_repeats(columns) & ~self._newest.is_it(columns)
        late = np.flatnonzero(is_fresh & ~is_newer)
        for signal in np.unique(columns.signals[late]).tolist():
            rows = late[columns.signals[late] == signal]
            times = columns.times[rows]
            with contextlib.suppress(Damaged):  # the scrub tells of it
                there = self._history.read(signal, self._infos[signal], int(times.min()), int(times.max()) + 1)
                known = set(zip(there.times.tolist(), there.epochs.tolist(), strict=True))
                places = zip(times.tolist(), columns.epochs[rows].tolist(), strict=True)
                is_fresh[rows] = [place not in known for place in places]
        return columns.take(is_fresh)

    def behind_newest(self, columns: Columns) -> Columns:
        """Return what a server tells of the present, behind the newest sample where it has a time that is there.

        What is the newest sample once more, as over a new connection, stays where it is.
        """
        is_newer, repeats = self._newest.is_newer(columns), _repeats(columns)
        if is_newer.all() and not repeats.any():
            return columns
        times = columns.times.copy()
        for signal in np.unique(columns.signals[~is_newer | repeats]).tolist():
            self._move(columns, np.flatnonzero(columns.signals == signal), times)
        return replace(columns, times=times)

    def _move(self, columns: Columns, rows: NDArray[np.intp], times: NDArray[np.int64]) -> None:
        """Set the times of one signal's samples, in order of arrival."""
        signal = int(columns.signals[rows[0]])
        last = self._newest.of(signal)
        content = self._stored(signal, *last) if last is not None else None
        taken: set[tuple[int, int]] = set()
        for row in rows.tolist():
            place, own = (int(columns.epochs[row]), int(times[row])), _content(columns, row)
            if last is None or place > last:
                last, content = place, own
            elif self._is_behind(place, last) and (place == last or place in taken or self._stored(signal, *place)):
                if content in (None, own):
                    continue
                last, content = (last[0], last[1] + 1), own
                times[row] = last[1]
            taken.add((place[0], int(times[row])))

    @staticmethod
    def _is_behind(place: tuple[int, int], last: tuple[int, int]) -> bool:
        return place[0] == last[0] and last[1] - place[1] < _TOGETHER

    def _stored(self, signal: int, epoch: int, time: int) -> _Content | None:
        """Return what is stored at a place; None where that is nothing, or damaged."""
        try:
            there = self._history.read(signal, self._infos[signal], time, time + 1)
        except Damaged:
            return None
        rows = np.flatnonzero(there.epochs == epoch)
        return _content(there, int(rows[0])) if len(rows) else None


def one_behind_the_other(columns: Columns) -> Columns:
    """Return a history in which samples that have the same time, but not the same value, follow each other."""
    repeats = _repeats(columns)
    if not repeats.any():
        return columns
    times = columns.times.copy()
    last: dict[tuple[int, int, int], tuple[int, _Content]] = {}
    for row in np.flatnonzero(np.isin(columns.signals, columns.signals[repeats])).tolist():
        place, own = (int(columns.signals[row]), int(columns.epochs[row]), int(times[row])), _content(columns, row)
        time, before = last.get(place, (place[2] - 1, None))
        if own != before:
            last[place] = time + 1, own
        times[row] = last[place][0]
    return replace(columns, times=times)


def _repeats(columns: Columns) -> NDArray[np.bool_]:
    """Tell which samples have the place of one in front of them."""
    order = np.lexsort((columns.epochs, columns.times, columns.signals))
    repeats = np.zeros(len(columns), np.bool_)
    repeats[order] = columns.take(order).repeats()
    return repeats


def _content(columns: Columns, row: int) -> _Content:
    return int(columns.statuses[row]), int(columns.words[row]), columns.texts.get(row)
