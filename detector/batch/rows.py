"""Batch data as CSV: written with labels, read by column name, other columns kept as they are."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detector.batch.baseline import Flags, Floats
from detector.batch.generator import COLUMNS, Batch
from runtime.errors import BadInput

LABELS = ("label", "label_cause")
VERDICT = ("anomaly", "score", "cause")


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file: all of its text, and the six columns as numbers."""

    header: list[str]
    rows: list[list[str]]
    columns: dict[str, Floats]


def write_batch(path: Path, batch: Batch) -> None:
    """Write a batch with its labels; floats round-trip.

    Raises:
        BadInput: when the file cannot be written.
    """
    columns = [batch.columns[name].tolist() for name in COLUMNS]
    rows = zip(*columns, batch.label.tolist(), batch.label_cause, strict=True)
    _write(path, [*COLUMNS, *LABELS], [list(row) for row in rows])


def write_flagged(path: Path, table: Table, flags: Flags) -> None:
    """Write a file's rows with the verdict on each; columns of these names are replaced.

    Raises:
        BadInput: when the file cannot be written.
    """
    kept = [index for index, name in enumerate(table.header) if name not in VERDICT]
    verdict = zip(flags.anomaly.astype(int).tolist(), flags.score.tolist(), flags.cause, strict=True)
    rows = [[*(row[index] for index in kept), *found] for row, found in zip(table.rows, verdict, strict=True)]
    _write(path, [*(table.header[index] for index in kept), *VERDICT], rows)


def read(path: Path) -> Table:
    """Read rows of at least T, Ca0, Q, X, Ca, r.

    Raises:
        BadInput: naming file, line, column and what is allowed.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            missing = [name for name in COLUMNS if name not in header]
            if missing:
                message = f"{path}: no column {', '.join(missing)}; allowed is a header with {', '.join(COLUMNS)}"
                raise BadInput(message)
            places = [header.index(name) for name in COLUMNS]
            rows, numbers = [], []
            for row in reader:
                if len(row) != len(header):
                    message = f"{path}: line {reader.line_num}: {len(row)} fields; the header has {len(header)}"
                    raise BadInput(message)
                numbers.append([_number(path, reader.line_num, header[place], row[place]) for place in places])
                rows.append(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        message = f"{path}: cannot be read as CSV: {getattr(error, 'strerror', None) or error}"
        raise BadInput(message) from None
    if not rows:
        message = f"{path}: has no rows"
        raise BadInput(message)
    values = np.array(numbers)
    return Table(header, rows, {name: values[:, index] for index, name in enumerate(COLUMNS)})


def _number(path: Path, line: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        message = f"{path}: line {line}: {column}: {text!r}: allowed is a finite number"
        raise BadInput(message)
    return value


def _write(path: Path, header: list[str], rows: list[list[object]] | list[list[str]]) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
    except OSError as error:
        message = f"{path}: cannot be written: {error.strerror}"
        raise BadInput(message) from None
