"""What a query has found of one signal: columns of one length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from plant import quality
from plant.sample import Sample, Scalar
from timeseries.answers.times import listed
from timeseries.columns import Columns, Ticks
from timeseries.signals import BOOLEAN, DATETIME, UINT64, SignalInfo


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Rows in the order asked for."""

    signal: str
    times: Ticks
    statuses: NDArray[np.uint32]
    """StatusCodes, whole."""
    values: NDArray[Any]
    """Doubles, integers or Booleans; objects for texts, DateTimes (ISO 8601) and what is of several types.

    Of no meaning where the status is Bad."""
    epochs: NDArray[np.uint32]
    """Plant.Simulation.Epoch of each sample; 0 for what is computed."""

    @classmethod
    def of_columns(cls, info: SignalInfo, columns: Columns) -> Self:
        """Return samples of one signal."""
        return cls(info.name, columns.times, columns.statuses, _values(info, columns), columns.epochs)

    @classmethod
    def computed(cls, signal: str, times: Ticks, values: NDArray[Any], statuses: NDArray[np.uint32]) -> Self:
        """Return what was computed, of no epoch."""
        return cls(signal, times, statuses, values, np.zeros(len(times), np.uint32))

    @classmethod
    def joined(cls, signal: str, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts, one after the other; none of no parts."""
        if len(parts) == 1:
            return parts[0]
        kinds = {part.values.dtype for part in parts}
        kind = kinds.pop() if len(kinds) == 1 else np.dtype(object) if kinds else np.dtype(np.float64)
        return cls(
            signal,
            np.concatenate([np.empty(0, np.int64), *(part.times for part in parts)]),
            np.concatenate([np.empty(0, np.uint32), *(part.statuses for part in parts)]),
            np.concatenate([np.empty(0, kind), *(part.values.astype(kind) for part in parts)]),
            np.concatenate([np.empty(0, np.uint32), *(part.epochs for part in parts)]),
        )

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, rows: slice) -> Answer:
        return Answer(self.signal, self.times[rows], self.statuses[rows], self.values[rows], self.epochs[rows])

    def slices(self, most: int) -> Iterator[Answer]:
        """Yield the rows, at most so many at a time."""
        for start in range(0, len(self), most):
            yield self[start : start + most]

    @property
    def is_bad(self) -> NDArray[np.bool_]:
        """Where there is no value."""
        is_bad: NDArray[np.bool_] = self.statuses >= quality.BAD
        return is_bad

    @property
    def plain(self) -> list[Scalar | None]:
        """The values in plain Python, None where Bad."""
        values: list[Scalar | None] = self.values.tolist()
        for row in np.flatnonzero(self.is_bad).tolist():
            values[row] = None
        return values

    def samples(self) -> list[Sample]:
        """Return the rows one by one; server times and numbers are not known here."""
        rows = zip(self.times.tolist(), self.plain, self.statuses.tolist(), self.epochs.tolist(), strict=True)
        return [Sample(time, self.signal, value, status, epoch=epoch) for time, value, status, epoch in rows]


def _values(info: SignalInfo, columns: Columns) -> NDArray[Any]:
    words = columns.words
    if info.is_text:
        values = np.full(len(columns), None, object)
        for row, text in columns.texts.items():
            values[row] = text
        return values
    if info.is_float:
        doubles: NDArray[np.float64] = words.view(np.float64)
        return doubles
    if info.data_type == DATETIME:
        return np.array(listed(words), object)
    if info.data_type == BOOLEAN:
        return np.not_equal(words, 0)
    whole: NDArray[Any] = words.view(np.uint64) if info.data_type == UINT64 else words
    return whole
