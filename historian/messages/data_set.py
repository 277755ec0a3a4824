"""JSON DataSetMessages, one a sample, each with one field (OPC 10000-14 v1.05 §7.2.5.4)."""

from __future__ import annotations

import json

from plant import quality
from plant.clock import text_from_ticks
from plant.names import split_signal
from plant.sample import Sample, Scalar

_WIDE, _LOCALIZED_TEXT = (8, 9), 21
"""Int64 and UInt64, and LocalizedText (OPC 10000-6 v1.05 §5.1.2)."""


def data_set_message(sample: Sample, data_type: int, *, is_historical: bool = False) -> bytes:
    """Return a sample's message; `data_type` is its signal's built-in type.

    `Historical`, a member of our own, marks what was read back from a history.
    """
    _, name = split_signal(sample.signal)
    bad = sample.value is None or quality.is_bad(sample.quality)
    field: dict[str, object] = {} if bad else {"UaType": data_type}
    field["Value"] = None if bad else _json_value(sample.value, data_type)
    if sample.quality != quality.GOOD:
        field["StatusCode"] = {"Code": sample.quality, "Symbol": quality.name_of(sample.quality)}
    field["SourceTimestamp"] = text_from_ticks(sample.source_time)
    if sample.server_time:
        field["ServerTimestamp"] = text_from_ticks(sample.server_time)
    message = {
        "DataSetWriterName": sample.signal,
        "SequenceNumber": sample.seq % 2**32,
        "Timestamp": text_from_ticks(sample.server_time or sample.source_time),
        "MessageType": "ua-deltaframe",
        **({"Historical": True} if is_historical else {}),
        "Payload": {name: field},
    }
    return json.dumps(message, separators=(",", ":")).encode()


def _json_value(value: Scalar | None, data_type: int) -> object:
    """Return a value as JSON has it: 64 bits are too many for a number there (OPC 10000-6 v1.05 §5.4.2)."""
    if data_type in _WIDE:
        return str(value)
    return {"Text": value} if data_type == _LOCALIZED_TEXT else value
