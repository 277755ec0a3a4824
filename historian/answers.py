"""Answers to history queries in the formats of the HTTP API: JSON, CSV, Arrow, Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from plant import quality
from plant.clock import text_from_ticks, unix_ns_from_ticks
from plant.sample import Sample

JSON, CSV = "application/json", "text/csv"
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
MEDIA_TYPES = (JSON, CSV, ARROW, PARQUET)


def chosen_media_type(accept: str) -> str | None:
    """Return the first media type of an Accept header that is offered; None when none is."""
    for part in accept.split(","):
        wanted = part.split(";")[0].strip()
        if wanted in ("*/*", "application/*", ""):
            return JSON
        if wanted in MEDIA_TYPES:
            return wanted
    return None


def as_json(name: str, unit: str, samples: Sequence[Sample], following: str | None) -> dict[str, Any]:
    """Return the JSON answer of commands.md."""
    return {
        "signal": name,
        "unit": unit,
        "samples": [
            {"t": text_from_ticks(s.source_time), "v": s.value, "status": quality.name_of(s.quality)} for s in samples
        ],
        "next": following,
    }


def as_csv(samples: Sequence[Sample]) -> str:
    """Return `signal,source_time,value,status` rows."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("signal", "source_time", "value", "status"))
    writer.writerows(
        (s.signal, text_from_ticks(s.source_time), "" if s.value is None else s.value, quality.name_of(s.quality))
        for s in samples
    )
    return text.getvalue()


def as_table(samples: Sequence[Sample], media_type: str) -> bytes:
    """Return an Arrow stream or a Parquet file: signal, source_time (ns, UTC), ticks, value or text, status."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = [None if s.value is None or isinstance(s.value, str) else float(s.value) for s in samples]
    table = pa.table(
        {
            "signal": pa.array([s.signal for s in samples], pa.string()),
            "source_time": pa.array([unix_ns_from_ticks(s.source_time) for s in samples], pa.timestamp("ns", tz="UTC")),
            "value": pa.array(numbers, pa.float64()),
            "text": pa.array([s.value if isinstance(s.value, str) else None for s in samples], pa.string()),
            "status": pa.array([s.quality for s in samples], pa.uint32()),
        }
    )
    sink = pa.BufferOutputStream()
    if media_type == PARQUET:
        pq.write_table(table, sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return bytes(sink.getvalue())
