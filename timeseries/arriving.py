"""Which of the samples that arrive are there already: each is known by signal, epoch and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from timeseries.columns import Columns, Ticks
from timeseries.nearby import Content, Nearby, Place, Span
from timeseries.reading import History
from timeseries.signals import SignalInfo, in_type


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

    def __init__(
        self, history: History, kinds: Callable[[int], Sequence[tuple[int, SignalInfo]]], newest: Newest
    ) -> None:
        """`kinds` returns all that the name of a signal has stood for: a sample of another type is the same one."""
        self._history, self._kinds, self.newest = history, kinds, newest
        self._nearby = Nearby(self._read)

    def learn(self, signals: int) -> None:
        """Learn that there are so many signals, some perhaps of another type than before."""
        self._nearby.forget(signals)

    def fresh(self, columns: Columns) -> Columns:
        """Return what is not there yet: by far the most is newer than all of its signal."""
        is_newer = self.newest.is_newer(columns)
        if is_newer.all() and columns.goes_on():
            return columns
        order = np.lexsort((columns.epochs, columns.times, columns.signals))
        is_fresh = ~self.newest.is_it(columns)
        is_fresh[order] &= ~columns.take(order).repeats()
        late = np.flatnonzero(is_fresh & ~is_newer)
        if len(late):
            some = columns.take(late)
            self.look(some.signals, some.times)
            is_fresh[late] = ~np.array(self._nearby.has(some))
        return columns.take(is_fresh)

    def note(self, fresh: Columns) -> None:
        """Learn of samples that are stored now."""
        self.newest.note(fresh.signals, fresh.epochs, fresh.times)
        self._nearby.note(fresh)

    def look(self, signals: NDArray[np.integer], times: Ticks) -> None:
        """Read in one go what is not known of some times, all at or before the newest of their signals."""
        self._nearby.look(signals, times)

    def content(self, signal: int, place: Place) -> Content | None:
        """Return what is stored at a place, in the signal's present type."""
        found = self._nearby.around(signal, place[1])
        if found is None:
            newest = self.newest.of(signal)
            if newest is None or place > newest:
                return None
            self._nearby.look(np.array([signal]), np.array([place[1]]))
            found = self._nearby.around(signal, place[1])
        return found.get(place) if found is not None else None

    def count(self, signal: int, low: int, high: int) -> int:
        """Return how many samples are stored of a signal with low <= time < high."""
        return len(self._read({signal: (low, high)})[signal])

    def _read(self, spans: Mapping[int, Span]) -> dict[int, Columns]:
        """Return what is stored of signals, each as values of its present type."""
        kinds = {signal: self._kinds(signal) for signal in spans}
        asked = [(*kind, *spans[signal]) for signal, every in kinds.items() for kind in every]
        found = iter(self._history.together(asked))
        return {
            signal: Columns.joined([in_type(every[-1][1], info, next(found)) for _, info in every])
            for signal, every in kinds.items()
        }
