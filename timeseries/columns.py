"""Samples as columns: how they arrive, are stored, and are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp] | NDArray[np.bool_]
Ticks = NDArray[np.int64]

DTYPES = {
    "signals": "<i4", "epochs": "<u4", "times": "<i8", "server_times": "<i8", "statuses": "<u4", "words": "<i8",
    "seqs": "<i8",
}  # fmt: skip
"""Column -> how it is kept."""
INNER = ("signals", "server_times", "seqs")
"""What only the store and the server ask for."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Samples, a row each; columns of one length."""

    signals: NDArray[np.int32]
    """The store's numbers of signals."""
    epochs: NDArray[np.uint32]
    """Plant.Simulation.Epoch at the time of the sample."""
    times: Ticks
    """SourceTimestamp."""
    server_times: Ticks
    """ServerTimestamp, 0 where it is not known."""
    statuses: NDArray[np.uint32]
    words: NDArray[np.int64]
    """Each value's 64 bits, by its signal's type: a double, an integer, a DateTime's ticks; 0 for text, and if Bad."""
    seqs: NDArray[np.int64]
    """The number of the sample, per reactor, without holes; 0 before it is stored."""
    texts: Mapping[int, str] = field(default_factory=dict)
    """Row -> text, of signals whose values are text."""

    @classmethod
    def of(cls, count: int, texts: Mapping[int, str] | None = None, **columns: Any) -> Self:
        """Return columns of so many rows; what is not given is 0, a single number stands in each row."""
        made = {}
        for name, dtype in DTYPES.items():
            column = np.asarray(columns.get(name, 0), dtype)
            made[name] = column if column.ndim else np.full(count, column)
        return cls(**made, texts=texts or {})

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts, one after the other."""
        if len(parts) <= 1:
            return parts[0] if parts else cls.of(0)
        texts: dict[int, str] = {}
        start = 0
        for part in parts:
            if part.texts:
                texts |= {start + row: text for row, text in part.texts.items()}
            start += len(part)
        made = {name: _joined([getattr(part, name) for part in parts], dtype) for name, dtype in DTYPES.items()}
        return cls(**made, texts=texts)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def bytes(self) -> int:
        """How much memory they take, about."""
        columns: list[NDArray[Any]] = [getattr(self, name) for name in DTYPES]
        texts = sum(100 + len(text) for text in self.texts.values())
        return sum(column.nbytes for column in columns if any(column.strides)) + texts

    def take(self, rows: Rows) -> Columns:
        """Return the rows that are chosen: by a mask, or by their places in another order."""
        if rows.dtype == np.bool_:
            if rows.all():
                return self
            rows = np.flatnonzero(rows)
        texts = {}
        if self.texts:
            texts = {new: self.texts[old] for new, old in enumerate(rows.tolist()) if old in self.texts}
        return Columns(**{name: getattr(self, name)[rows] for name in DTYPES}, texts=texts)

    def between(self, low: int, high: int) -> Columns:
        """Return the rows with low <= time < high; times are in order."""
        first, last = np.searchsorted(self.times, (low, high)).tolist()
        if first == 0 and last == len(self):
            return self
        texts = {row - first: text for row, text in self.texts.items() if first <= row < last} if self.texts else {}
        return Columns(**{name: getattr(self, name)[first:last] for name in DTYPES}, texts=texts)

    def lean(self) -> Columns:
        """Return the same samples for a question: signals, server times and numbers are 0, and take no memory."""
        inner: dict[str, Any] = {name: zeros(len(self), DTYPES[name]) for name in INNER}
        return replace(self, **inner)

    def with_seqs(self, seqs: NDArray[np.int64]) -> Columns:
        """Return the same samples, numbered."""
        return replace(self, seqs=seqs)

    def with_statuses(self, statuses: NDArray[np.uint32]) -> Columns:
        """Return the same samples with other StatusCodes."""
        return replace(self, statuses=statuses)

    def in_order(self) -> Columns:
        """Return the rows in order of signal, time and epoch, what is there twice once."""
        order = np.lexsort((self.epochs, self.times, self.signals))
        ordered = self.take(order)
        return ordered.take(~ordered.repeats())

    def newest(self) -> Columns:
        """Return the row of the newest epoch's newest time, of one signal; none where there is none."""
        return self.take(np.lexsort((self.times, self.epochs))[-1:])

    def newest_place(self) -> tuple[int, int]:
        """Return the newest epoch, and the newest time of it, of all signals; zeros where there is none."""
        if not len(self):
            return 0, 0
        epoch = self.epochs.max()
        return int(epoch), int(self.times[self.epochs == epoch].max())

    def goes_on(self) -> bool:
        """Tell whether of each signal every sample is later than the one before it, in one epoch."""
        if np.bincount(self.signals).max(initial=0) <= 1:
            return True
        order = np.argsort(self.signals, kind="stable")
        signals, times = self.signals[order], self.times[order]
        is_later = (times[1:] > times[:-1]) | (signals[1:] != signals[:-1])
        return bool(is_later.all()) and bool((self.epochs == self.epochs[0]).all())

    def repeats(self) -> NDArray[np.bool_]:
        """Tell which rows are about the same sample as the row before them."""
        same = np.zeros(len(self), np.bool_)
        same[1:] = (
            (self.signals[1:] == self.signals[:-1])
            & (self.times[1:] == self.times[:-1])
            & (self.epochs[1:] == self.epochs[:-1])
        )
        return same


def zeros(count: int, dtype: str) -> NDArray[Any]:
    """Return a column of zeros that takes no memory, and is not to be written to."""
    return np.broadcast_to(np.zeros(1, dtype), count)


def _joined(parts: Sequence[NDArray[Any]], dtype: str) -> NDArray[Any]:
    """Return columns one after the other; what `zeros` has made still takes no memory."""
    if all(part.strides == (0,) for part in parts):
        return zeros(sum(map(len, parts)), dtype)
    return np.concatenate([np.empty(0, dtype), *parts])
