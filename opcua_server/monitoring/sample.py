"""One sample of an attribute, encoded once and shared by all who monitor it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from asyncua import ua
from asyncua.ua.ua_binary import variant_to_binary

from opcua_server.bank import TEXTS, Bank
from opcua_server.monitoring.event import NULL_VARIANT, Event
from opcua_server.wire.records import SERVER, SOURCE, STATUS, VALUE, WIDTHS
from plant import quality
from runtime.opcua_link.builtin import BOOLEAN, DOUBLE, INT32, LOCALIZED_TEXT
from runtime.opcua_link.datavalues import status_of
from runtime.opcua_link.filetime import ticks_of

_NUMBERS = (*range(2, 12),)
"""Built-in types whose distance a deadband measures."""


@dataclass(slots=True)
class Sample:
    """An attribute's value with status and times (ticks, 0 for none)."""

    variant: bytes
    """The value as a Variant on the wire."""
    number: float | None
    """The value where it is a number."""
    status: int
    source: int
    server: int
    _encoded: dict[tuple[int, int], bytes] = field(default_factory=dict)

    @property
    def bits(self) -> int:
        """The value as the bank keeps it, where its type has a fixed width; 0 for null."""
        is_signed = self.variant[0] == INT32
        return int.from_bytes(self.variant[1:], "little", signed=is_signed) & 0xFFFF_FFFF_FFFF_FFFF

    def data_value(self, times_mask: int, info_bits: int = 0) -> bytes:
        """Return the DataValue on the wire with these timestamps; what was encoded once is kept."""
        key = times_mask, info_bits
        encoded = self._encoded.get(key)
        if encoded is None:
            encoded = self._encoded[key] = self._encode(times_mask, self.status | info_bits)
        return encoded

    def _encode(self, times_mask: int, status: int) -> bytes:
        mask = VALUE | (STATUS if status != quality.GOOD else 0)
        mask |= times_mask & ((SOURCE if self.source else 0) | (SERVER if self.server else 0))
        parts = [bytes([mask]), self.variant]
        if mask & STATUS:
            parts.append(struct.pack("<I", status))
        if mask & SOURCE:
            parts.append(struct.pack("<q", self.source))
        if mask & SERVER:
            parts.append(struct.pack("<q", self.server))
        return b"".join(parts)


class Source(Protocol):
    """What is monitored."""

    def sample(self) -> Sample | None:
        """Return its present value, the same object as long as nothing changed; None where there is nothing."""


def of_row(bank: Bank, row: int) -> Sample:
    """Return what a row of the bank holds."""
    status = int(bank.status[row])
    source, server = int(bank.source[row]), int(bank.server[row])
    kind = int(bank.types[row])
    if status >= quality.BAD:
        return Sample(NULL_VARIANT, None, status, source, server)
    if kind in TEXTS:
        return Sample(_text(bank.texts[row], kind), None, status, source, server)
    return of_bits(kind, int(bank.bits[row]), status, source, server)


def of_bits(kind: int, bits: int, status: int, source: int, server: int) -> Sample:
    """Return a value of fixed width, kept as the bank keeps it."""
    if status >= quality.BAD:
        return Sample(NULL_VARIANT, None, status, source, server)
    data = bits.to_bytes(8, "little")
    (number,) = struct.unpack("<d" if kind == DOUBLE else "<q", data)
    return Sample(bytes([kind]) + data[: WIDTHS[kind]], None if kind == BOOLEAN else number, status, source, server)


def of_data_value(data: ua.DataValue) -> Sample:
    """Return a value of asyncua's address space as a sample."""
    status = status_of(data)
    times = ticks_of(data.SourceTimestamp), ticks_of(data.ServerTimestamp)
    variant = data.Value
    if variant is None or variant.Value is None or quality.is_bad(status):
        return Sample(NULL_VARIANT, None, status, *times)
    is_number = variant.VariantType.value in _NUMBERS and isinstance(variant.Value, int | float)
    return Sample(variant_to_binary(variant), float(variant.Value) if is_number else None, status, *times)


def _text(text: str | None, kind: int) -> bytes:
    data = (text or "").encode()
    mask = b"\x02" if kind == LOCALIZED_TEXT else b""
    return bytes([kind]) + mask + struct.pack("<i", len(data)) + data


class RowSource:
    """A row of the bank."""

    __slots__ = ("_bank", "_changes", "_sample", "row")

    def __init__(self, bank: Bank, row: int) -> None:
        self._bank = bank
        self.row = row
        self._changes = 0
        self._sample: Sample | None = None

    def sample(self) -> Sample:
        """Return what the row holds."""
        changes = int(self._bank.changes[self.row])
        if self._sample is None or changes != self._changes:
            self._changes, self._sample = changes, of_row(self._bank, self.row)
        return self._sample


class AttributeSource:
    """Any attribute of any node, read through the Read service, cut to an IndexRange where one is given."""

    __slots__ = ("__weakref__", "_data", "_get", "_sample", "_version", "_version_of", "read")

    def __init__(self, read: ua.ReadValueId, get: Callable[[], ua.DataValue], version_of: Callable[[], object]) -> None:
        """`version_of` returns what is the same as long as there is nothing new to read."""
        self.read = read
        self._get = get
        self._version_of = version_of
        self._version: object = None
        self._data: ua.DataValue | None = None
        self._sample: Sample | None = None

    def sample(self) -> Sample:
        """Return what the attribute holds."""
        version = self._version_of()
        if self._sample is None or version != self._version:
            self._version, data = version, self._get()
            if self._sample is None or data is not self._data:
                self._data, self._sample = data, of_data_value(data)
        return self._sample


class ConstantSource:
    """An attribute that never changes."""

    __slots__ = ("_sample", "read")

    def __init__(self, read: ua.ReadValueId, data: ua.DataValue) -> None:
        self.read = read
        self._sample = of_data_value(data)

    def sample(self) -> Sample:
        """Return what the attribute holds."""
        return self._sample


def is_same(one: Source, other: Source) -> bool:
    """Tell whether two sources have the same to tell for ever."""
    if not (isinstance(one, ConstantSource) and isinstance(other, ConstantSource)):
        return one is other
    mine, others = one.sample(), other.sample()
    return (mine.variant, mine.status) == (others.variant, others.status)


class NotifierSource:
    """An event notifier: it has no value, and what it has to tell does not come by sampling."""

    __slots__ = ("node", "overflow")

    def __init__(self, node: ua.NodeId, overflow: Callable[[], Event]) -> None:
        self.node = node
        self.overflow = overflow
        """Makes the event that tells of lost ones."""

    def sample(self) -> None:
        """Return nothing."""
