"""InfluxDB line protocol, one line a sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plant.clock import UNIX_EPOCH_TICKS
from plant.names import split_signal
from plant.sample import Scalar
from timeseries.columns import Columns, Ticks

_NS = 100
"""Nanoseconds of a tick."""
EARLIEST, LATEST = (UNIX_EPOCH_TICKS + nanoseconds // _NS for nanoseconds in (-(2**63) + 2 * _NS, 2**63 - 2 * _NS))
"""Times that InfluxDB takes, in ticks: its own are nanoseconds of 64 bits."""
_TAG_ESCAPES = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\="})
_STRING_ESCAPES = str.maketrans({'"': r"\"", "\\": r"\\"})
_WHOLE = 2.0**53


class LineProtocol:
    """Writes the samples of one site."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._heads: dict[tuple[str, int], str] = {}
        """Measurement and tags, by signal and epoch."""

    def lines(self, names: Sequence[str], columns: Columns, values: Sequence[Scalar | None]) -> bytes:
        """Return lines of samples with these names and values; a Bad one has no value."""
        rows = zip(
            names, columns.epochs.tolist(), map(_field, values), columns.statuses.tolist(),
            _sent(columns.server_times), columns.seqs.tolist(), _nanoseconds(columns.times).tolist(), strict=True,
        )  # fmt: skip
        head = self._head
        return "\n".join(
            f"{head(name, epoch)} {value}q={status}u{sent},seq={seq}i {time}"
            for name, epoch, value, status, sent, seq, time in rows
        ).encode()

    def _head(self, name: str, epoch: int) -> str:
        known = self._heads.get((name, epoch))
        if known is None:
            reactor, leaf = split_signal(name)
            tags = (("site", self._site), ("reactor", reactor), ("signal", leaf), ("epoch", str(epoch)))
            known = ",".join(["opc", *(f"{key}={value.translate(_TAG_ESCAPES)}" for key, value in tags)])
            self._heads[name, epoch] = known
        return known


def _field(value: Scalar | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f's="{value.translate(_STRING_ESCAPES)}",'
    number = float(value)
    return f"v={int(number)}," if number.is_integer() and -_WHOLE < number < _WHOLE else f"v={number!r},"


def _nanoseconds(times: Ticks) -> Ticks:
    return (times - UNIX_EPOCH_TICKS) * _NS


def _sent(times: Ticks) -> list[str]:
    """Return the field of each ServerTimestamp, nothing where it is not known."""
    known = (times > EARLIEST) & (times < LATEST)
    return [f",srv={time}i" if is_known else "" for time, is_known in zip(
        _nanoseconds(np.where(known, times, UNIX_EPOCH_TICKS)).tolist(), known.tolist(), strict=True
    )]  # fmt: skip
