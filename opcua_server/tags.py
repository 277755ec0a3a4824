"""The tags: every signal's row in the bank, found by name and by NodeId."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from asyncua import ua
from asyncua.ua.ua_binary import nodeid_to_binary
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from opcua_server.bank import TEXTS, Bank, Rows
from opcua_server.nodes import plant_id
from plant import quality
from plant.names import PLANT
from plant.signals import PLANT_SIGNALS, Signal, reactor_signals
from runtime.opcua_link.builtin import BOOLEAN, DOUBLE, LOCALIZED_TEXT

_NUMBER, _BITS = struct.Struct("<d"), struct.Struct("<Q")


class Tag:
    """One signal as it is served; `value` is a DateTime's ticks where the type is DateTime."""

    __slots__ = ("_bank", "name", "row", "signal", "text_row")

    def __init__(self, name: str, signal: Signal, bank: Bank, row: int, text_row: int | None) -> None:
        self.name = name
        self.signal = signal
        self.row = row
        self.text_row = text_row
        """Row of ValueAsText, where the signal is an enumeration."""
        self._bank = bank

    @property
    def vtype(self) -> ua.VariantType:
        """The built-in type of the value."""
        return ua.VariantType(self.signal.data_type.value)

    @property
    def status(self) -> int:
        """StatusCode of the present value."""
        return self._bank.status.item(self.row)

    @property
    def value(self) -> Any:
        """The present value, None where it is Bad."""
        if quality.is_bad(self.status):
            return None
        kind = self.signal.data_type.value
        if kind in TEXTS:
            return self._bank.texts[self.row]
        if kind == DOUBLE:
            return float(self._bank.numbers[self.row])
        number = int(self._bank.integers[self.row])
        return bool(number) if kind == BOOLEAN else number

    def set(self, value: Any, time: int, server_time: int, status: int = quality.GOOD) -> None:
        """Take a value, and record and tell it when value or status changed; times increase strictly."""
        if value is None and not quality.is_bad(status):
            message = f"{self.name}: only a Bad value is null"
            raise ValueError(message)
        kind = self.signal.data_type.value
        if kind in TEXTS:
            self._bank.set_text(self.row, value, time, server_time, status)
            return
        if kind == DOUBLE:
            (bits,) = _BITS.unpack(_NUMBER.pack((value or 0.0) + 0.0))
        else:
            bits = int(value or 0) & 0xFFFF_FFFF_FFFF_FFFF
        self._bank.set(self.row, bits, time, server_time, status)
        if self.text_row is not None:
            text = "" if value is None else self.signal.enumeration[value]
            self._bank.set_text(self.text_row, text, time, server_time)


class Tags:
    """All tags, by full name."""

    def __init__(self, reactors: Sequence[str], registry: CollectorRegistry) -> None:
        signals = [(f"{PLANT}.{signal.name}", signal) for signal in PLANT_SIGNALS]
        for reactor in reactors:
            signals += [(f"{reactor}.{signal.name}", signal) for signal in reactor_signals(reactor)]
        types: list[int] = []
        rows: list[tuple[int, int | None]] = []
        for _, signal in signals:
            rows.append((len(types), len(types) + 1 if signal.enumeration else None))
            types += [signal.data_type.value, LOCALIZED_TEXT] if signal.enumeration else [signal.data_type.value]
        self.bank = Bank(types)
        self._tags = {
            name: Tag(name, signal, self.bank, *place) for (name, signal), place in zip(signals, rows, strict=True)
        }
        self._rows: dict[bytes, int] = {}
        self._tag_of_row: dict[int, Tag] = {}
        for name, tag in self._tags.items():
            self._rows[nodeid_to_binary(plant_id(name))] = tag.row
            self._tag_of_row[tag.row] = tag
            if tag.text_row is not None:
                self._rows[nodeid_to_binary(plant_id(f"{name}.ValueAsText"))] = tag.text_row
        registry.register(_Produced(self._tags.values(), self.bank))
        registry.register(_Changes(self.bank))

    def __getitem__(self, name: str) -> Tag:
        return self._tags[name]

    def __iter__(self) -> Iterator[Tag]:
        return iter(self._tags.values())

    @property
    def recorded(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Tell of each row of the bank whether it has history."""
        recorded = np.zeros(len(self.bank), np.bool_)
        recorded[[tag.row for tag in self if tag.signal.recorded]] = True
        return recorded

    def rows(self, names: Iterable[str]) -> Rows:
        """Return the rows of some tags."""
        return np.array([self._tags[name].row for name in names], np.intp)

    def row_of(self, node: bytes) -> int | None:
        """Return the row of a NodeId as it is on the wire: of a signal, or of the ValueAsText of one."""
        return self._rows.get(node)

    def path_of(self, row: int) -> str:
        """Return the path of the node whose Value a row is."""
        tag = self._tag_of_row.get(row)
        return tag.name if tag is not None else f"{self._tag_of_row[row - 1].name}.ValueAsText"

    def of_row(self, row: int) -> Tag | None:
        """Return the tag of a row; None for a ValueAsText."""
        return self._tag_of_row.get(row)


class _Produced(Collector):
    """How many values each signal produced."""

    def __init__(self, tags: Iterable[Tag], bank: Bank) -> None:
        self._tags = list(tags)
        self._bank = bank

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Return the counter, a sample for each signal."""
        family = CounterMetricFamily(
            "cstr_values_produced", "Changes of value or status that the server told and recorded.", labels=["signal"]
        )
        for tag, changes in zip(self._tags, self._bank.changes[[tag.row for tag in self._tags]].tolist(), strict=True):
            family.add_metric([tag.name], float(changes))
        yield family


class _Changes(Collector):
    """How many values all signals produced together: for who asks for no more, and often."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    def describe(self) -> Iterator[CounterMetricFamily]:
        """Say what it is called, so that it can be asked for by name."""
        yield from self._family(None)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Return the counter."""
        yield from self._family(float(self._bank.changes.sum()))

    def _family(self, value: float | None) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily("cstr_changes", "Changes of value or status, of all signals.", value=value)
