"""The tags: the present value of every signal, its node, its last hour, and who is told of a change."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue
from prometheus_client import CollectorRegistry, Counter

from opcua_server.history import Recording
from opcua_server.nodes import plant_id
from plant import quality
from plant.names import NAMESPACE_INDEX, PLANT
from plant.signals import PLANT_SIGNALS, Signal, reactor_signals
from runtime.opcua_link.filetime import FileTime

log = logging.getLogger("server")


class Tag:
    """One signal as it is served; `value` is a DateTime's ticks where the type is DateTime."""

    __slots__ = ("_attribute", "_produced", "_text", "name", "recording", "signal", "status", "time", "value", "vtype")

    def __init__(self, name: str, signal: Signal, address_space: AddressSpace, produced: Counter) -> None:
        self.name = name
        self.signal = signal
        self.vtype = ua.VariantType(signal.data_type.value)
        self.value: Any = None
        self.status = quality.BAD_WAITING_FOR_INITIAL_DATA
        self.time = 0
        """SourceTimestamp of the value, ticks."""
        self.recording = Recording(self.vtype) if signal.recorded else None
        self._attribute: AttributeValue = address_space[plant_id(name)].attributes[ua.AttributeIds.Value]
        self._attribute.value = ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(self.status)))
        self._produced = produced.labels(name)
        self._text: AttributeValue | None = None
        if signal.enumeration:
            self._text = address_space[plant_id(f"{name}.ValueAsText")].attributes[ua.AttributeIds.Value]

    async def set(self, value: Any, time: int, server_time: FileTime, status: int = quality.GOOD) -> None:
        """Take a value, and record and tell it when value or status changed; times increase strictly."""
        if value == self.value and status == self.status:
            return
        time = max(time, self.time + 1)
        if quality.is_bad(status):
            value = None
        self.value, self.status, self.time = value, status, time
        shown = FileTime.of(value) if self.vtype is ua.VariantType.DateTime and value is not None else value
        if self.recording is not None:
            self.recording.append(time, server_time.ticks, status, shown)
        self._produced.inc()
        data = ua.DataValue(
            Value=ua.Variant(shown, ua.VariantType.Null if shown is None else self.vtype),
            StatusCode=_STATUS.get(status) or ua.StatusCode(ua.UInt32(status)),
            SourceTimestamp=FileTime.of(time),
            ServerTimestamp=server_time,
        )
        await _tell(self._attribute, data)
        if self._text is not None:
            text = "" if value is None else self.signal.enumeration[value]
            await _tell(
                self._text,
                ua.DataValue(
                    Value=ua.Variant(ua.LocalizedText(text), ua.VariantType.LocalizedText),
                    SourceTimestamp=FileTime.of(time),
                    ServerTimestamp=server_time,
                ),
            )


_STATUS = {quality.GOOD: ua.StatusCode(ua.UInt32(quality.GOOD))}


async def _tell(attribute: AttributeValue, data: ua.DataValue) -> None:
    attribute.value = data
    for handle, callback in list(attribute.datachange_callbacks.items()):
        await callback(handle, data)


class Tags:
    """All tags, by full name."""

    def __init__(self, reactors: Sequence[str], address_space: AddressSpace, registry: CollectorRegistry) -> None:
        produced = Counter(
            "cstr_values_produced",
            "Changes of value or status that the server told and recorded.",
            ["signal"],
            registry=registry,
        )
        signals = [(f"{PLANT}.{signal.name}", signal) for signal in PLANT_SIGNALS]
        for reactor in reactors:
            signals += [(f"{reactor}.{signal.name}", signal) for signal in reactor_signals(reactor)]
        self._tags = {name: Tag(name, signal, address_space, produced) for name, signal in signals}

    def __getitem__(self, name: str) -> Tag:
        return self._tags[name]

    def __iter__(self) -> Iterator[Tag]:
        return iter(self._tags.values())

    def by_node(self, node: ua.NodeId) -> Tag | None:
        """Return the tag of a NodeId, if it is one."""
        return self._tags.get(str(node.Identifier)) if node.NamespaceIndex == NAMESPACE_INDEX else None

    def recording(self, node: ua.NodeId) -> Recording | None:
        """Return the recording of a NodeId, if it has one."""
        tag = self.by_node(node)
        return tag.recording if tag is not None else None
