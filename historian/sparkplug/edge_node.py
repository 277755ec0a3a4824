"""The messages of an edge node: births, data and deaths, numbered in the order they are made: pure.

A reactor is a device, and so is the plant; a signal is a metric, whose alias is the store's number of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from historian.messages.size import messages
from historian.sparkplug.payload import (
    LIMITS,
    OF_BUILT_IN,
    UNIT,
    DataType,
    Metric,
    Properties,
    Value,
    encode,
    milliseconds,
    quality_properties,
)
from historian.sparkplug.present import Last, Present
from plant import quality
from plant.clock import ticks_from_text
from plant.names import split_signal
from plant.sample import Scalar
from timeseries.columns import Columns
from timeseries.signals import SignalInfo

REBIRTH, BDSEQ = "Node Control/Rebirth", "bdSeq"
SEQS: Final = 256
"""Numbers of messages, and of sessions."""

Message = tuple[str, bytes]
"""Topic and payload."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal of a device, and what it is as a metric."""

    full_name: str
    datatype: DataType
    unit: str

    @property
    def metric(self) -> str:
        """The metric's name: what stands within a part is in its folder."""
        return split_signal(self.full_name)[1].replace(".", "/")


class EdgeNode:
    """One session's after the other; `devices` says which signals there are."""

    def __init__(self, group: str, name: str) -> None:
        self._group, self._name = group, name
        self._devices: dict[str, dict[int, Signal]] = {}
        self._seq = 0
        self._not_good: set[int] = set()
        """Signals of which the last that was told is not Good."""
        self._alive = False

    @property
    def is_alive(self) -> bool:
        """True when the devices have been born, and have not died."""
        return self._alive

    def topic(self, verb: str, device: str | None = None) -> str:
        """Return a topic such as `spBv1.0/main/DDATA/cstr-gateway/R101`."""
        return "/".join(["spBv1.0", self._group, verb, self._name, *([device] if device is not None else [])])

    def devices(self, signals: Mapping[int, SignalInfo]) -> None:
        """Have these be the signals from the next births on."""
        self._devices = {}
        for alias, info in signals.items():
            if info.data_type not in OF_BUILT_IN:
                continue
            signal = Signal(info.name, OF_BUILT_IN[info.data_type], info.unit)
            self._devices.setdefault(split_signal(info.name)[0], {})[alias] = signal

    def alias(self, device: str, alias: int | None, metric: str) -> int | None:
        """Return the number of a device's signal, told by alias or by the metric's name; None where there is none."""
        known = self._devices.get(device, {})
        if alias is not None:
            return alias if alias in known else None
        return next((number for number, signal in known.items() if signal.metric == metric), None)

    def signal(self, device: str, alias: int) -> Signal:
        """Return a device's signal."""
        return self._devices[device][alias]

    def death(self, bdseq: int, now_ms: int) -> Message:
        """Return the NDEATH of a session, its will."""
        metric = Metric(DataType.UINT64, bdseq, BDSEQ, timestamp_ms=now_ms)
        return self.topic("NDEATH"), encode([metric], now_ms, None)

    def birth(self, bdseq: int, now_ms: int) -> Message:
        """Return the NBIRTH, with which the numbers begin anew and no device is alive."""
        self._seq, self._alive = 0, False
        metrics = [
            Metric(DataType.UINT64, bdseq, BDSEQ, timestamp_ms=now_ms),
            Metric(DataType.BOOLEAN, False, REBIRTH, timestamp_ms=now_ms),
        ]
        return self.topic("NBIRTH"), encode(metrics, now_ms, self._next())

    def device_births(self, present: Present, now_ms: int) -> Iterator[Message]:
        """Yield a DBIRTH for each device."""
        self._alive = True
        self._not_good.clear()
        for device, signals in self._devices.items():
            metrics = [self._born(alias, signal, present.of(alias), now_ms) for alias, signal in signals.items()]
            yield self.topic("DBIRTH", device), encode(metrics, now_ms, self._next())

    def device_deaths(self, now_ms: int) -> Iterator[Message]:
        """Yield a DDEATH for each device."""
        self._alive = False
        for device in self._devices:
            yield self.topic("DDEATH", device), encode([], now_ms, self._next())

    def data(
        self,
        device: str,
        columns: Columns,
        values: Sequence[Scalar | None],
        is_historical: NDArray[np.bool_],
        now_ms: int,
    ) -> Iterator[Message]:
        """Yield a device's samples as DDATAs, in their order; of a signal that was not in its birth there are none."""
        known = self._devices.get(device, {})
        rows = zip(
            columns.signals.tolist(), columns.times.tolist(), columns.statuses.tolist(), values, is_historical.tolist(),
            strict=True,
        )  # fmt: skip
        metrics = [
            Metric(
                known[alias].datatype,
                _value(known[alias].datatype, value),
                alias=alias,
                timestamp_ms=milliseconds(time),
                is_historical=historical,
                properties=self._told(alias, status),
            )
            for alias, time, status, value, historical in rows
            if alias in known
        ]
        texts = {place: metric.value for place, metric in enumerate(metrics) if isinstance(metric.value, str)}
        for part in messages(len(metrics), texts):
            yield self.topic("DDATA", device), encode(metrics[part], now_ms, self._next())

    def _next(self) -> int:
        seq = self._seq
        self._seq = (seq + 1) % SEQS
        return seq

    def _born(self, alias: int, signal: Signal, last: Last | None, now_ms: int) -> Metric:
        """Return a signal's metric in a birth: null where there is no sample of it, or a Bad one."""
        status = last.status if last is not None else quality.BAD_WAITING_FOR_INITIAL_DATA
        properties = quality_properties(status)
        if signal.unit:
            properties[UNIT] = (DataType.STRING, signal.unit)
        self._told(alias, status)
        return Metric(
            signal.datatype,
            _value(signal.datatype, last.value) if last is not None else None,
            signal.metric,
            alias,
            milliseconds(last.time) if last is not None else now_ms,
            properties=properties,
        )

    def _told(self, alias: int, status: int) -> Properties | None:
        """Return what is told of a sample's status: nothing where it is Good and so was the one before it."""
        if status != quality.GOOD:
            self._not_good.add(alias)
        elif alias in self._not_good:
            self._not_good.discard(alias)
        else:
            return None
        return quality_properties(status)


def _value(datatype: DataType, value: Scalar | None) -> Value:
    """Return a value as a metric has it; of an integer that its type cannot hold, null."""
    if value is None:
        return None
    if datatype is DataType.DATETIME:
        return milliseconds(ticks_from_text(str(value)))
    if datatype in LIMITS:
        low, high = LIMITS[datatype]
        return value if low <= int(value) <= high else None
    return value
