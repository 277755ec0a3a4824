"""Lines of CSV, made a column at a time: no row is looked at by itself."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from plant import quality
from timeseries.answers.answer import Answer
from timeseries.answers.times import WIDTH, time_texts
from timeseries.columns import Ticks

Column = Any
"""A pyarrow array of texts, or one text for all rows."""


def csv_line(fields: Iterable[object]) -> str:
    """Return fields as a line, with its end: before Python 3.13 a line break is quoted only where it may end one."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(fields)
    return line.getvalue()[:-2] + "\n"


def joined(count: int, *columns: Column) -> bytes:
    """Return the columns' texts, row after row."""
    import pyarrow.compute as pc

    if not count:
        return b""
    rows = pc.binary_join_element_wise(*columns, "")
    _, offsets, octets = rows.buffers()
    last = int(np.frombuffer(offsets, np.int32)[count])
    return bytes(octets.slice(0, last))


def times(ticks: Ticks) -> Column:
    """Return times, ISO 8601 with seven digits."""
    return _texts(time_texts(ticks).tobytes(), np.arange(len(ticks) + 1, dtype=np.int32) * WIDTH)


def statuses(codes: NDArray[np.uint32]) -> Column:
    """Return the names of StatusCodes, without info bits."""
    import pyarrow as pa

    if (codes == codes[:1]).all():
        return quality.name_of(int(codes[0])) if len(codes) else ""
    distinct, places = np.unique(codes, return_inverse=True)
    names = pa.array([quality.name_of(code) for code in distinct.tolist()], pa.string())
    return names.take(pa.array(places))


def csv_values(answer: Answer) -> Column:
    """Return values as CSV, each with a comma behind it; floats round-trip; empty where Bad."""
    import pyarrow as pa

    values, is_bad = answer.values, answer.is_bad
    if values.dtype in (object, bool):
        found = pa.array([f"{_field(value)}," for value in values.tolist()], pa.string())
    else:
        found = _dumped(values)
        if values.dtype == np.float64:
            for number in ("nan", "inf", "-inf"):
                same = np.isnan(values) if number == "nan" else values == float(number)
                found = _with(found, same, f"{number},")
    return _with(found, is_bad, ",")


def _dumped(values: NDArray[Any]) -> Column:
    octets = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    octets = octets[1:-1] + b","
    commas = np.flatnonzero(np.frombuffer(octets, np.uint8) == ord(","))
    return _texts(octets, np.concatenate(([0], commas[: len(values)] + 1)).astype(np.int32))


def _with(column: Column, rows: NDArray[np.bool_], text: str) -> Column:
    """Return a column with another text in some rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pa.array(rows), text, column) if rows.any() else column


def _texts(octets: bytes, offsets: NDArray[np.int32]) -> Column:
    import pyarrow as pa

    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(octets)])


def _field(value: object) -> str:
    """Return a field as the csv module quotes it."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    return csv_line((value, ""))[:-2]
