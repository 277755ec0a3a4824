"""What each signal is at present, for births: the newest sample of the newest epoch; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from historian.messages.size import is_too_long
from plant import quality
from plant.sample import Sample, Scalar
from timeseries.columns import Columns


@dataclass(frozen=True, slots=True)
class Last:
    """A signal's newest sample."""

    epoch: int
    time: int
    """SourceTimestamp, ticks."""
    status: int
    value: Scalar | None

    @classmethod
    def of(cls, sample: Sample) -> Last:
        """Return a sample as one; a Bad one has no value."""
        status = quality.BAD_ENCODING_LIMITS_EXCEEDED if is_too_long(sample.value) else sample.quality
        value = None if quality.is_bad(status) else sample.value
        return cls(sample.epoch, sample.source_time, status, value)


class Present:
    """By the store's numbers of signals."""

    def __init__(self) -> None:
        self._last: dict[int, Last] = {}

    def of(self, signal: int) -> Last | None:
        """Return the newest sample that is known."""
        return self._last.get(signal)

    def unknown(self, signals: Iterable[int]) -> list[int]:
        """Return those of which nothing is known."""
        return [signal for signal in signals if signal not in self._last]

    def note(self, signal: int, last: Last) -> None:
        """Learn of a sample, unless a newer one is known."""
        known = self._last.get(signal)
        if known is None or (last.epoch, last.time) > (known.epoch, known.time):
            self._last[signal] = last

    def learn(self, columns: Columns, values: Callable[[Columns], list[Scalar | None]]) -> None:
        """Learn of samples; `values` makes plain ones of them."""
        order = np.lexsort((columns.times, columns.epochs, columns.signals))
        newest = columns.take(order[np.flatnonzero(np.diff(columns.signals[order], append=-1))])
        rows = zip(
            newest.signals.tolist(), newest.epochs.tolist(), newest.times.tolist(), newest.statuses.tolist(),
            values(newest), strict=True,
        )  # fmt: skip
        for signal, epoch, time, status, value in rows:
            self.note(signal, Last(epoch, time, status, value))
