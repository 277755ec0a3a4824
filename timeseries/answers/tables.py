"""Answers as Arrow and Parquet, in pieces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from plant.clock import UNIX_EPOCH_TICKS
from timeseries.answers.answer import Answer

_BEYOND = 2**63
_MOST_TICKS = (2**63 - 1) // 100


def schema(extra: Mapping[str, str | float]) -> Any:
    """Return the columns: signal, source_time (ns, UTC), value or text, status (whole StatusCode), and the extra.

    An integer stands in `whole`, too, where it is each of 64 bits.
    """
    import pyarrow as pa

    fields = [
        ("signal", pa.string()),
        ("source_time", pa.timestamp("ns", tz="UTC")),
        ("value", pa.float64()),
        ("whole", pa.int64()),
        ("text", pa.string()),
        ("status", pa.uint32()),
    ]
    fields += [(name, pa.string() if isinstance(value, str) else pa.float64()) for name, value in extra.items()]
    return pa.schema(fields)


def batch(answer: Answer, extra: Mapping[str, str | float]) -> Any:
    """Return rows.

    Raises:
        ValueError: for a time that 64 bits of nanoseconds do not reach.
    """
    import pyarrow as pa

    since = answer.times - UNIX_EPOCH_TICKS
    if len(since) and int(np.abs(since).max()) > _MOST_TICKS:
        message = "time: allowed in Arrow and Parquet are the years 1678 to 2261, which nanoseconds of 64 bits hold"
        raise ValueError(message)
    wanted, count = schema(extra), len(answer)
    numbers, whole, texts = _values(answer)
    columns = [
        pa.repeat(answer.signal, count),
        pa.array(since * 100).cast(wanted.field("source_time").type),
        numbers,
        whole,
        texts,
        pa.array(np.ascontiguousarray(answer.statuses)),
        *(pa.repeat(pa.scalar(value, wanted.field(name).type), count) for name, value in extra.items()),
    ]
    return pa.record_batch(columns, wanted)


def _values(answer: Answer) -> tuple[Any, Any, Any]:
    """Return numbers, which of them are integers of 64 bits, and texts, null where there is none."""
    import pyarrow as pa

    count = len(answer)
    if answer.values.dtype != object:
        numbers, whole = pa.array(answer.values.astype(np.float64), mask=answer.is_bad), pa.nulls(count, pa.int64())
        if answer.values.dtype.kind in "iu":
            beyond = answer.values.view(np.int64) < 0 if answer.values.dtype.kind == "u" else False
            whole = pa.array(answer.values.view(np.int64), mask=answer.is_bad | beyond)
        return numbers, whole, pa.nulls(count, pa.string())
    values = answer.plain
    numbers = [None if value is None or isinstance(value, str) else float(value) for value in values]
    whole = [value if type(value) is int and value < _BEYOND else None for value in values]
    texts = [value if isinstance(value, str) else None for value in values]
    return pa.array(numbers, pa.float64()), pa.array(whole, pa.int64()), pa.array(texts, pa.string())
