"""Answers as octets, piece by piece: what is written never has to be in memory as a whole."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from plant import quality
from plant.sample import Scalar
from timeseries.answers import tables, text
from timeseries.answers.answer import Answer
from timeseries.answers.times import listed

COLUMNS = ("signal", "source_time", "value", "status")
AT_ONCE = 50_000
"""Rows of text that are made in one step."""
Extra = Mapping[str, str | float]
"""What stands in each row of an aggregate: its name, and the interval in seconds."""


class Writer(Protocol):
    """What was begun and not ended can be told from what is whole, but for CSV."""

    def begin(self) -> bytes:
        """Return what comes first."""
        ...

    def rows(self, answer: Answer) -> bytes:
        """Return some more rows."""
        ...

    def end(self) -> bytes:
        """Return what comes last."""
        ...


class CsvWriter:
    """`signal,source_time,value,status` and what is extra."""

    def __init__(self, extra: Extra) -> None:
        self._extra = extra

    def begin(self) -> bytes:
        """Return the head."""
        return text.csv_line((*COLUMNS, *self._extra)).encode()

    def rows(self, answer: Answer) -> bytes:
        """Return a line for each row."""
        name = text.csv_line((answer.signal,))[:-1]
        tail = f",{text.csv_line(self._extra.values())}" if self._extra else "\n"
        parts = []
        for some in answer.slices(AT_ONCE):
            values = text.csv_values(some)
            columns = (name, ",", text.times(some.times), ",", values, text.statuses(some.statuses), tail)
            parts.append(text.joined(len(some), *columns))
        return b"".join(parts)

    def end(self) -> bytes:
        """Return nothing."""
        return b""


class JsonWriter:
    """A list of objects with the same keys as the columns of CSV."""

    def __init__(self, extra: Extra) -> None:
        self._extra = extra
        self._is_first = True

    def begin(self) -> bytes:
        """Return the opening bracket."""
        return b"[\n"

    def rows(self, answer: Answer) -> bytes:
        """Return an object for each row, a line each."""
        lines = [
            orjson.dumps({**dict(zip(COLUMNS, (answer.signal, *row), strict=True)), **self._extra})
            for row in _rows(answer)
        ]
        if not lines:
            return b""
        separator = b"" if self._is_first else b",\n"
        self._is_first = False
        return separator + b",\n".join(lines)

    def end(self) -> bytes:
        """Return the closing bracket."""
        return b"]\n" if self._is_first else b"\n]\n"


class TableWriter:
    """An Arrow stream or a Parquet file."""

    def __init__(self, extra: Extra, make: Callable[[Any, Any], Any]) -> None:
        self._extra = extra
        self._sink = _Sink()
        self._writer = make(self._sink, tables.schema(extra))

    def begin(self) -> bytes:
        """Return the head."""
        return self._sink.taken()

    def rows(self, answer: Answer) -> bytes:
        """Return a record batch, or a row group."""
        if len(answer):
            self._writer.write_batch(tables.batch(answer, self._extra))
        return self._sink.taken()

    def end(self) -> bytes:
        """Return the mark of the end, or the footer."""
        self._writer.close()
        return self._sink.taken()


class _Sink(io.RawIOBase):
    """Gives what was written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, octets: Any) -> int:
        self._parts.append(bytes(octets))
        self._size += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._size

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _stream(sink: Any, schema: Any) -> Any:
    import pyarrow as pa

    return pa.ipc.new_stream(sink, schema)


def _file(sink: Any, schema: Any) -> Any:
    import pyarrow as pa

    return pa.ipc.new_file(sink, schema)


def _parquet(sink: Any, schema: Any) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetWriter(sink, schema, compression="zstd")


FILES = ("csv", "json", "parquet", "arrow")
"""Suffixes of files."""
FORMATS: dict[str, Callable[[Extra], Writer]] = {
    "csv": CsvWriter,
    "json": JsonWriter,
    "parquet": lambda extra: TableWriter(extra, _parquet),
    "arrow": lambda extra: TableWriter(extra, _file),
    "arrow stream": lambda extra: TableWriter(extra, _stream),
}
"""What writes each of them, and an Arrow stream."""


def json_page(answer: Answer, unit: str, following: str | None) -> bytes:
    """Return the answer of the HTTP API: one page of one signal, and the token of the next."""
    rows = [{"t": time, "v": value, "status": status} for time, value, status in _rows(answer)]
    return orjson.dumps({"signal": answer.signal, "unit": unit, "samples": rows, "next": following})


def _rows(answer: Answer) -> Iterator[tuple[str, Scalar | None, str]]:
    """Yield time, value and status as they are shown."""
    return zip(listed(answer.times), answer.plain, names_of(answer.statuses), strict=True)


def names_of(statuses: NDArray[np.uint32]) -> list[str]:
    """Return the names of StatusCodes, without info bits."""
    codes = statuses.tolist()
    names = {code: quality.name_of(code) for code in set(codes)}
    return [names[code] for code in codes]
