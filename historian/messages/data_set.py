"""JSON DataSetMessages, one a sample, each with one field (OPC 10000-14 v1.05 §7.2.5.4)."""

from __future__ import annotations

import json

from plant import quality
from plant.clock import text_from_ticks
from plant.names import split_signal
from plant.sample import Sample

_UA_TYPES = {bool: 1, int: 6, float: 11, str: 12}
"""Built-in types as JSON messages name them (OPC 10000-6 v1.05 §5.1.2)."""


def data_set_message(sample: Sample, *, is_historical: bool = False) -> bytes:
    """Return a sample's message; `Historical`, a member of our own, marks what was read back from a history."""
    _, name = split_signal(sample.signal)
    bad = sample.value is None or quality.is_bad(sample.quality)
    field: dict[str, object] = {} if bad else {"UaType": _UA_TYPES[type(sample.value)]}
    field["Value"] = None if bad else sample.value
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
