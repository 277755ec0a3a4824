"""What goes over the link, without asyncua: readings for people and edges, columns for data that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from plant import quality
from plant.clock import text_from_ticks
from plant.sample import Scalar
from runtime.opcua_link.builtin import (
    BOOLEAN,
    DATETIME,
    DOUBLE,
    IS_FLOAT,
    IS_INTEGER,
    IS_NUMBER,
    SINT64,
    STRING,
    UINT64,
)

OVERFLOW, OVERFLOW_BITS = 0x0480, 0x0C80
"""InfoType DataValue with the Overflow bit, and the bits to look at (OPC 10000-4 v1.05 §7.38.1)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A value as the server gives it; times are ticks, 0 when not given."""

    name: str
    value: Scalar | None
    status: int
    source_time: int
    server_time: int

    @property
    def is_bad(self) -> bool:
        """True when the value cannot be used."""
        return quality.is_bad(self.status) or self.value is None


@dataclass(frozen=True, slots=True)
class VariableInfo:
    """One Variable of the plant."""

    name: str
    data_type: int
    """Built-in type (OPC 10000-6 v1.05 §5.1.2), 0 for others."""
    unit: str
    """Symbol; empty without one."""
    historizing: bool


@dataclass(frozen=True, slots=True, eq=False)
class Notification:
    """Data changes as columns of equal length, in the server's order."""

    signals: Sequence[str]
    """All that was subscribed to; the very list, so that its columns can be kept by place."""
    index: NDArray[np.int32]
    """Of each row's signal in `signals`."""
    types: NDArray[np.uint8]
    """Built-in type of each value; 0 where there is none, or an array or structure."""
    words: NDArray[np.int64]
    """Each value's 64 bits, by its type: a double (of a Float too), an integer, a DateTime's ticks; 0 for text."""
    texts: Mapping[int, str]
    """Row -> text of a String or LocalizedText."""
    status: NDArray[np.uint32]
    source_time: NDArray[np.int64]
    server_time: NDArray[np.int64]

    @classmethod
    def of(cls, readings: Sequence[Reading], signals: Sequence[str] | None = None) -> Self:
        """Return readings as columns; their own names are the signals when none are said."""
        if signals is None:
            signals = list(dict.fromkeys(each.name for each in readings))
        places = {name: place for place, name in enumerate(signals)}
        typed = [_typed(each.value) for each in readings]
        return cls(
            signals,
            np.array([places[each.name] for each in readings], np.int32),
            np.array([kind for kind, _ in typed], np.uint8),
            np.array([word for _, word in typed], np.int64),
            {row: each.value for row, each in enumerate(readings) if isinstance(each.value, str)},
            np.array([each.status for each in readings], np.uint32),
            np.array([each.source_time for each in readings], np.int64),
            np.array([each.server_time for each in readings], np.int64),
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of notifications about the same signals, one after the other."""
        if len(parts) == 1:
            return parts[0]
        texts: dict[int, str] = {}
        start = 0
        for part in parts:
            texts |= {start + row: text for row, text in part.texts.items()}
            start += len(part)
        columns = ("index", "types", "words", "status", "source_time", "server_time")
        whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
        return cls(parts[0].signals, texts=texts, **whole)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def numbers(self) -> NDArray[np.float64]:
        """The values as doubles: NaN where there is none, and for texts and DateTimes; not to be written to."""
        doubles = self.words.view(np.float64)
        is_float = IS_FLOAT[self.types]
        if is_float.all():
            return doubles
        numbers = np.where(is_float, doubles, np.where(IS_NUMBER[self.types], self.words, np.nan))
        is_unsigned = self.types == UINT64
        if is_unsigned.any():
            numbers[is_unsigned] = self.words.view(np.uint64)[is_unsigned]
        return numbers

    @property
    def is_bad(self) -> NDArray[np.bool_]:
        """True where the value cannot be used."""
        is_bad: NDArray[np.bool_] = (self.status >= quality.BAD) | (self.types == 0)
        return is_bad

    @property
    def overflows(self) -> NDArray[np.bool_]:
        """True where the server's queue could not hold all (OPC 10000-4 v1.05 §5.13.1.5)."""
        has_overflowed: NDArray[np.bool_] = self.status & np.uint32(OVERFLOW_BITS) == OVERFLOW
        return has_overflowed

    @property
    def names(self) -> list[str]:
        """Each row's signal."""
        return [self.signals[place] for place in self.index.tolist()]

    @property
    def values(self) -> list[Scalar | None]:
        """The values in plain Python: a DateTime as ISO text."""
        found = np.full(len(self), None, object)
        for rows, column in (
            (IS_FLOAT[self.types], self.words.view(np.float64)),
            (IS_INTEGER[self.types], self.words),
            (self.types == UINT64, self.words.view(np.uint64)),
            (self.types == BOOLEAN, self.words != 0),
        ):
            if rows.any():
                found[rows] = column[rows]
        for row in np.flatnonzero(self.types == DATETIME).tolist():
            found[row] = text_from_ticks(int(self.words[row]))
        for row, text in self.texts.items():
            found[row] = text
        values: list[Scalar | None] = found.tolist()
        return values

    def readings(self) -> list[Reading]:
        """Return the rows one by one."""
        columns: tuple[list[Any], ...] = (
            self.names, self.values, self.status.tolist(), self.source_time.tolist(), self.server_time.tolist(),
        )  # fmt: skip
        return [Reading(*row) for row in zip(*columns, strict=True)]

    def timed(self, arrival: int = 0) -> Notification:
        """Return the same with a time where the source gives none: the server's, else that of arrival (ticks, 0: none).

        A SourceTimestamp is null where what applies it is not available (OPC 10000-4 v1.05 §7.11.3); the server's
        stands in for it as in OPC 10000-8 v1.05 §A.4.3.4. What was never measured is of no time.
        """
        is_never = self.status & np.uint32(quality.CODE_BITS) == quality.BAD_WAITING_FOR_INITIAL_DATA
        is_lacking = (self.source_time == 0) & ~is_never
        if not is_lacking.any():
            return self
        received = np.where(self.server_time != 0, self.server_time, arrival)
        return replace(self, source_time=np.where(is_lacking, received, self.source_time))

    def take(self, rows: NDArray[np.bool_]) -> Notification:
        """Return the rows that are chosen."""
        if rows.all():
            return self
        texts = self.texts
        if texts:
            places = np.cumsum(rows) - 1
            texts = {int(places[row]): text for row, text in texts.items() if rows[row]}
        return Notification(
            self.signals, self.index[rows], self.types[rows], self.words[rows], texts,
            self.status[rows], self.source_time[rows], self.server_time[rows],
        )  # fmt: skip


def _typed(value: Scalar | None) -> tuple[int, int]:
    """Return a plain value's type and word."""
    if value is None:
        return 0, 0
    if isinstance(value, str):
        return STRING, 0
    if isinstance(value, bool):
        return BOOLEAN, int(value)
    if isinstance(value, int):
        return (SINT64, value) if value < 2**63 else (UINT64, value - 2**64)
    return DOUBLE, int(np.float64(value).view(np.int64))
