"""Answers to history queries in the formats of the HTTP API: JSON, CSV, Arrow, Parquet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from plant import quality
from plant.clock import text_from_ticks, unix_ns_from_ticks
from plant.sample import Sample

JSON, CSV = "application/json", "text/csv"
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
_QUALITY = re.compile(r"^q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$")
_MOST_NS = 2**63 - 1
MEDIA_TYPES = (JSON, CSV, ARROW, PARQUET)


def chosen_media_type(accept: str) -> str | None:
    """Return the media type an Accept header likes best of those offered (RFC 9110 §12.5.1); None when it likes none.

    The more specific range counts; of equals the one that is named first, then JSON.
    """
    ranges: dict[str, tuple[float, int]] = {}
    for place, part in enumerate((accept.strip() or "*/*").split(",")):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        ranges.setdefault(name, (_weight(parameters), -place))

    def liking(offered: str) -> tuple[float, int]:
        family = offered.split("/")[0]
        return next((ranges[name] for name in (offered, f"{family}/*", "*/*") if name in ranges), (0.0, 0))

    best = max(MEDIA_TYPES, key=liking)
    return best if liking(best)[0] > 0.0 else None


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        if match := _QUALITY.match(parameter):
            return float(match[1])
    return 1.0


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


def as_csv(samples: Sequence[Sample], extra: Mapping[str, object] | None = None) -> str:
    """Return `signal,source_time,value,status` rows, each with what is `extra`."""
    extra = extra or {}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("signal", "source_time", "value", "status", *extra))
    for sample in samples:
        value = "" if sample.value is None else sample.value
        time, status = text_from_ticks(sample.source_time), quality.name_of(sample.quality)
        writer.writerow((sample.signal, time, value, status, *extra.values()))
    return text.getvalue()


def as_table(samples: Sequence[Sample], media_type: str) -> bytes:
    """Return an Arrow stream or a Parquet file: signal, source_time (ns, UTC), ticks, value or text, status."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    times = [unix_ns_from_ticks(sample.source_time) for sample in samples]
    if any(abs(time) > _MOST_NS for time in times):
        message = "time: allowed in Arrow and Parquet are the years 1678 to 2261, which nanoseconds of 64 bits hold"
        raise ValueError(message)
    numbers = [None if s.value is None or isinstance(s.value, str) else float(s.value) for s in samples]
    table = pa.table(
        {
            "signal": pa.array([s.signal for s in samples], pa.string()),
            "source_time": pa.array(times, pa.timestamp("ns", tz="UTC")),
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
