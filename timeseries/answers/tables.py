"""Answers as Arrow and Parquet, in pieces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from plant.clock import UNIX_EPOCH_TICKS
from timeseries.answers.answer import Answer

_MOST_TICKS = (2**63 - 1) // 100


def schema(extra: Mapping[str, str | float]) -> Any:
    """Return the columns: signal, source_time (ns, UTC), value or text, status (whole StatusCode), and the extra."""
    import pyarrow as pa

    fields = [
        ("signal", pa.string()),
        ("source_time", pa.timestamp("ns", tz="UTC")),
        ("value", pa.float64()),
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
    numbers, texts = _values(answer)
    columns = [
        pa.repeat(answer.signal, count),
        pa.array(since * 100).cast(wanted.field("source_time").type),
        numbers,
        texts,
        pa.array(np.ascontiguousarray(answer.statuses)),
        *(pa.repeat(pa.scalar(value, wanted.field(name).type), count) for name, value in extra.items()),
    ]
    return pa.record_batch(columns, wanted)


def _values(answer: Answer) -> tuple[Any, Any]:
    """Return numbers and texts, null where there is none."""
    import pyarrow as pa

    if answer.values.dtype != object:
        numbers = pa.array(answer.values.astype(np.float64), mask=answer.is_bad)
        return numbers, pa.nulls(len(answer), pa.string())
    values = answer.plain
    numbers = [None if value is None or isinstance(value, str) else float(value) for value in values]
    return pa.array(numbers, pa.float64()), pa.array([v if isinstance(v, str) else None for v in values], pa.string())
