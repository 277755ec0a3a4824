"""What goes over the link, in plain Python: readings, descriptions and columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from asyncua import ua
from numpy.typing import NDArray

from plant import quality
from plant.clock import text_from_ticks
from plant.sample import Scalar
from runtime.opcua_link.filetime import ticks_of


@dataclass(frozen=True, slots=True)
class Reading:
    """A value as the server gives it; times are ticks, 0 when not given."""

    name: str
    value: Scalar | None
    status: int
    source_time: int
    server_time: int

    @property
    def is_bad(self) -> bool:
        """True when the value cannot be used."""
        return quality.is_bad(self.status) or self.value is None


@dataclass(frozen=True, slots=True)
class VariableInfo:
    """One Variable of the plant."""

    name: str
    data_type: int
    """Built-in type (OPC 10000-6 v1.05 §5.1.2), 0 for others."""
    unit: str
    """Symbol; empty without one."""
    historizing: bool


@dataclass(frozen=True, slots=True)
class Notification:
    """The data changes of one notification, as columns of equal length, in the server's order."""

    names: list[str]
    values: list[Scalar | None]
    status: NDArray[np.uint32]
    source_time: NDArray[np.int64]
    server_time: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.names)

    def readings(self) -> list[Reading]:
        """Return the rows one by one."""
        times = zip(self.status.tolist(), self.source_time.tolist(), self.server_time.tolist(), strict=True)
        return [
            Reading(name, value, status, source, server)
            for name, value, (status, source, server) in zip(self.names, self.values, times, strict=True)
        ]


def columns(rows: list[tuple[str, ua.DataValue]]) -> Notification:
    """Return rows of names and DataValues as columns."""
    return Notification(
        [name for name, _ in rows],
        [plain(data) for _, data in rows],
        np.array([status_of(data) for _, data in rows], np.uint32),
        np.array([ticks_of(data.SourceTimestamp) for _, data in rows], np.int64),
        np.array([ticks_of(data.ServerTimestamp) for _, data in rows], np.int64),
    )


def reading(name: str, data: ua.DataValue) -> Reading:
    """Return a DataValue as a reading."""
    return Reading(name, plain(data), status_of(data), ticks_of(data.SourceTimestamp), ticks_of(data.ServerTimestamp))


def status_of(data: ua.DataValue) -> int:
    """Return the StatusCode as a number; absent means Good."""
    return int(data.StatusCode.value) if data.StatusCode is not None else quality.GOOD


def plain(data: ua.DataValue) -> Scalar | None:
    """Return the value in plain Python: a DateTime as ISO text, a text of a LocalizedText, None for anything else."""
    value: Any = data.Value.Value if data.Value is not None else None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, ua.DateTime):
        return text_from_ticks(ticks_of(value))
    if isinstance(value, ua.LocalizedText):
        return value.Text or ""
    return None
