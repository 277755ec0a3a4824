"""JSON DataSetMessages, one a sample, each with one field (OPC 10000-14 v1.05 §7.2.5.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from plant import quality
from plant.names import split_signal
from plant.quality import NAMES
from plant.sample import Scalar
from timeseries.answers.times import listed
from timeseries.columns import Columns

_WIDE, _LOCALIZED_TEXT = (8, 9), 21
"""Int64 and UInt64, and LocalizedText (OPC 10000-6 v1.05 §5.1.2)."""


def data_set_messages(
    names: Sequence[str],
    data_types: Sequence[int],
    columns: Columns,
    values: Sequence[Scalar | None],
    *,
    is_historical: bool = False,
) -> Iterator[bytes]:
    """Yield each sample's message; a data type is its signal's built-in type.

    `Historical`, a member of our own, marks what was read back from a history.
    """
    sources, sent = listed(columns.times), listed(columns.server_times)
    rows = zip(
        names, data_types, values, columns.statuses.tolist(), sources, sent, columns.server_times.tolist(),
        columns.seqs.tolist(), strict=True,
    )  # fmt: skip
    historical = {"Historical": True} if is_historical else {}
    for name, data_type, value, status, source, server, server_time, seq in rows:
        bad = value is None or quality.is_bad(status)
        field: dict[str, object] = {} if bad else {"UaType": data_type}
        field["Value"] = None if bad else _json_value(value, data_type)
        if status != quality.GOOD:
            code = status & quality.CODE_BITS
            field["StatusCode"] = {"Code": status, **({"Symbol": NAMES[code]} if code in NAMES else {})}
        field["SourceTimestamp"] = source
        if server_time:
            field["ServerTimestamp"] = server
        message = {
            "DataSetWriterName": name,
            "SequenceNumber": seq % 2**32,
            "Timestamp": server if server_time else source,
            "MessageType": "ua-keyframe",
            **historical,
            "Payload": {split_signal(name)[1]: field},
        }
        yield orjson.dumps(message)


def _json_value(value: Scalar | None, data_type: int) -> object:
    """Return a value as JSON has it: 64 bits are too many for a number there (OPC 10000-6 v1.05 §5.4.2)."""
    if data_type in _WIDE:
        return str(value)
    return {"Text": value} if data_type == _LOCALIZED_TEXT else value
