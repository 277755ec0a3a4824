"""What the store knows of signals: their numbers, types and units, kept in the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from plant import quality
from plant.clock import text_from_ticks, ticks_from_text
from plant.sample import Sample, Scalar
from plant.signals import DataType
from timeseries.columns import Columns
from timeseries.layout import transaction

BOOLEAN, UINT64, FLOAT, DOUBLE, DATETIME = DataType.BOOLEAN.value, 9, 10, DataType.DOUBLE.value, DataType.DATETIME.value
_INTEGERS = {2: "i1", 3: "u1", 4: "i2", 5: "u2", 6: "i4", 7: "u4", 8: "i8", 9: "u8"}
TEXTS = (DataType.STRING.value, 21)
"""String and LocalizedText (OPC 10000-6 v1.05 §5.1.2)."""


@dataclass(frozen=True, slots=True)
class SignalInfo:
    """A signal's name and kind."""

    name: str
    unit: str
    data_type: int
    """Built-in type (OPC 10000-6 v1.05 §5.1.2)."""
    stepped: bool = False
    """True where a value holds until the next one (OPC 10000-13 v1.05 §3.1.8)."""

    @property
    def is_text(self) -> bool:
        """True where values are texts, and words are nothing."""
        return self.data_type in TEXTS

    @property
    def is_float(self) -> bool:
        """True where words are the bits of doubles."""
        return self.data_type in (FLOAT, DOUBLE)

    def numbers(self, words: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return words as numbers."""
        if self.is_float:
            return words.view(np.float64)
        return (words.view(np.uint64) if self.data_type == UINT64 else words).astype(np.float64)

    @property
    def of_number(self) -> Callable[[float], Scalar]:
        """What makes a plain value of a number that was computed: of an integer's type, the nearest."""
        if self.data_type == BOOLEAN:
            return bool
        if self.is_float:
            return float
        limits = np.iinfo(_INTEGERS.get(self.data_type, "i8"))
        return lambda number: min(max(round(number), int(limits.min)), int(limits.max))

    @property
    def scalar(self) -> Callable[[int], Scalar]:
        """What makes a plain value of a word that is no double's."""
        if self.data_type == BOOLEAN:
            return bool
        if self.data_type == DATETIME:
            return text_from_ticks
        return _unsigned if self.data_type == UINT64 else int

    def word(self, value: Scalar | None) -> int:
        """Return the word of a plain value; 0 for a text, and for none."""
        if value is None or self.is_text:
            return 0
        if self.data_type == DATETIME:
            return ticks_from_text(str(value))
        if self.is_float:
            return int(np.float64(value).view(np.int64))
        return int(np.uint64(value).view(np.int64)) if self.data_type == UINT64 else int(value)


def _unsigned(word: int) -> int:
    return int(np.int64(word).view(np.uint64))


def declare(connection: sqlite3.Connection, signals: Iterable[SignalInfo], above: int = 0) -> None:
    """Make signals known, or correct what is known of them; of one whose type has changed, the old samples stay.

    New ones get numbers above one that is given away.
    """
    with transaction(connection):
        (last,) = connection.execute("SELECT coalesce(max(declared), 0) FROM signal").fetchone()
        connection.executemany(
            "INSERT INTO signal (id, name, unit, stepped, data_type, declared) "
            "VALUES ((SELECT max(coalesce(max(id), 0), ?) + 1 FROM signal), ?, ?, ?, ?, ?) "
            "ON CONFLICT (name, data_type) DO UPDATE SET unit = excluded.unit, stepped = excluded.stepped, "
            "declared = excluded.declared",
            [(above, info.name, info.unit, info.stepped, info.data_type, last + 1) for info in signals],
        )


def present(connection: sqlite3.Connection) -> dict[str, tuple[int, SignalInfo]]:
    """Return number and kind of every signal, by name."""
    rows = connection.execute("SELECT id, name, unit, data_type, stepped FROM signal ORDER BY declared")
    return {row[1]: (row[0], _info(*row[1:])) for row in rows}


def all_of(connection: sqlite3.Connection) -> dict[int, SignalInfo]:
    """Return the kind of every signal, by number: also of those that have another type by now."""
    rows = connection.execute("SELECT id, name, unit, data_type, stepped FROM signal")
    return {row[0]: _info(*row[1:]) for row in rows}


def _info(name: str, unit: str, data_type: int, stepped: int) -> SignalInfo:
    return SignalInfo(name, unit, data_type, bool(stepped))


def kinds(connection: sqlite3.Connection, name: str) -> list[tuple[int, SignalInfo]]:
    """Return all that a name has stood for, the present one last."""
    query = "SELECT id, name, unit, data_type, stepped FROM signal WHERE name = ? ORDER BY declared"
    return [(row[0], _info(*row[1:])) for row in connection.execute(query, (name,))]


def in_type(present: SignalInfo, info: SignalInfo, columns: Columns) -> Columns:
    """Return samples of one type with the words that they have in another; text stays as it is."""
    if info.is_float == present.is_float or info.is_text or present.is_text:
        return columns
    numbers = info.numbers(np.ascontiguousarray(columns.words))
    words = numbers.view(np.int64) if present.is_float else numbers.astype(np.int64)
    return replace(columns, words=words)


def values(columns: Columns, infos: Mapping[int, SignalInfo]) -> list[Scalar | None]:
    """Return the plain value of each row; a Bad one has none."""
    found: list[Scalar | None] = np.ascontiguousarray(columns.words).view(np.float64).tolist()
    present = np.unique(columns.signals).tolist()
    scalars = {number: infos[number].scalar for number in present if not infos[number].is_float}
    if scalars:
        is_other = np.isin(columns.signals, list(scalars))
        for row, signal in zip(np.flatnonzero(is_other).tolist(), columns.signals[is_other].tolist(), strict=True):
            is_text = infos[signal].is_text
            found[row] = columns.texts.get(row) if is_text else scalars[signal](columns.words.item(row))
    for row in np.flatnonzero(columns.statuses >= quality.BAD).tolist():
        found[row] = None
    return found


def neighbours(connection: sqlite3.Connection, name: str, at_most: int = 200) -> list[str]:
    """Return some names of the same reactor, or where there is none, of the same kind in others."""
    reactor, _, leaf = name.partition(".")
    for query, word in (("name >= ?1 || '.' AND name < ?1 || '/'", reactor), ("name LIKE '%.' || ?1", leaf)):
        rows = connection.execute(f"SELECT DISTINCT name FROM signal WHERE {query} LIMIT ?2", (word, at_most))  # noqa: S608
        if found := [row[0] for row in rows]:
            return found
    return []


def samples(columns: Columns, infos: Mapping[int, SignalInfo]) -> list[Sample]:
    """Return columns as samples, in the same order; a Bad one has no value."""
    rows = zip(
        columns.times.tolist(), [infos[signal].name for signal in columns.signals.tolist()], values(columns, infos),
        columns.statuses.tolist(), columns.server_times.tolist(), columns.epochs.tolist(), columns.seqs.tolist(),
        strict=True,
    )  # fmt: skip
    return [Sample(*row) for row in rows]
