"""The formats samples are published in (commands.md, "MQTT" and "InfluxDB"): pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

from plant import quality
from plant.clock import text_from_ticks, unix_ns_from_ticks
from plant.names import split_signal
from plant.sample import Sample

_TAG_ESCAPES = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\="})
_STRING_ESCAPES = str.maketrans({'"': r"\"", "\\": r"\\"})
_UA_TYPES = {bool: 1, int: 6, float: 11, str: 12}
"""Built-in types as JSON messages name them (OPC 10000-6 v1.05 §5.1.2)."""


def line_protocol(samples: Sequence[Sample], site: str) -> bytes:
    """Return InfluxDB line protocol, one line a sample."""
    return "\n".join(_line(sample, site) for sample in samples).encode()


def _line(sample: Sample, site: str) -> str:
    reactor, name = split_signal(sample.signal)
    tags = ",".join(
        f"{key}={value.translate(_TAG_ESCAPES)}"
        for key, value in (("site", site), ("reactor", reactor), ("signal", name), ("epoch", str(sample.epoch)))
    )
    fields = [f"q={sample.quality}u", f"srv={unix_ns_from_ticks(sample.server_time)}i", f"seq={sample.seq}i"]
    if sample.value is not None and not quality.is_bad(sample.quality):
        if isinstance(sample.value, str):
            fields.insert(0, f's="{sample.value.translate(_STRING_ESCAPES)}"')
        else:
            fields.insert(0, f"v={_number(sample.value)}")
    return f"opc,{tags} {','.join(fields)} {unix_ns_from_ticks(sample.source_time)}"


def _number(value: float) -> str:
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def data_set_message(sample: Sample) -> bytes:
    """Return one JSON DataSetMessage with one field, a DataValue (OPC 10000-14 v1.05 §7.2.5.4)."""
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
        "Payload": {name: field},
    }
    return json.dumps(message, separators=(",", ":")).encode()
