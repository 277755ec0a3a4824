"""What somebody has changed of a store's samples, and what it was before: the rows of `amendments.sqlite`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from timeseries.columns import Columns

FIELDS = "time, epoch, server_time, status, word, seq, text"
Row = tuple[int, int, int, int, int, int, str | None]
"""`FIELDS` of a sample."""


class Change(IntEnum):
    """HistoryUpdateType (OPC 10000-11 v1.05 §6.7)."""

    INSERT = 1
    REPLACE = 2
    UPDATE = 3
    DELETE = 4


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, and when by the wall clock (ticks)."""

    user: str | None
    time: int


@dataclass(frozen=True, slots=True)
class Modification:
    """What was done to one sample: of an INSERT what was inserted, else what was before."""

    id: int
    """Rises with each."""
    time: int
    change: Change
    author: Author


@dataclass(frozen=True, slots=True)
class Modifications:
    """Some of them, and their samples: a row each."""

    infos: Sequence[Modification]
    samples: Columns


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """Amendments of one signal and a span, in order of time and epoch."""

    samples: Columns
    is_deleted: NDArray[np.bool_]

    def lean(self) -> Overlay:
        """Return the same, to lay over lean samples."""
        return Overlay(self.samples.lean(), self.is_deleted)

    def over(self, recorded: Columns) -> Columns:
        """Return samples of the same signal and span as they are now."""
        both = Columns.joined([self.samples, recorded])
        is_deleted = np.append(self.is_deleted, np.zeros(len(recorded), np.bool_))
        order = np.lexsort((both.epochs, both.times))
        ordered = both.take(order)
        return ordered.take(~ordered.repeats() & ~is_deleted[order])


def rows_of(columns: Columns) -> Iterator[Row]:
    """Yield samples as rows."""
    texts = columns.texts
    plain = zip(
        columns.times.tolist(), columns.epochs.tolist(), columns.server_times.tolist(), columns.statuses.tolist(),
        columns.words.tolist(), columns.seqs.tolist(), strict=True,
    )  # fmt: skip
    for place, fields in enumerate(plain):
        yield (*fields, texts.get(place))


def columns_of(signal: int, rows: Iterable[Sequence[object]]) -> Columns:
    """Return rows that begin with `FIELDS` as samples of one signal."""
    some = [row[:7] for row in rows]
    times, epochs, server_times, statuses, words, seqs, texts = zip(*some, strict=True) if some else [()] * 7
    return Columns.of(
        len(some),
        {place: text for place, text in enumerate(texts) if isinstance(text, str)},
        signals=signal,
        times=times,
        epochs=epochs,
        server_times=server_times,
        statuses=statuses,
        words=words,
        seqs=seqs,
    )
