"""What is agreed on for a monitored item: its source, filter, queue and sampling (OPC 10000-4 v1.05 §5.13.1, §7.22)."""

from __future__ import annotations

import math
import time
from typing import Any
from weakref import WeakValueDictionary

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.ua_binary import nodeid_to_binary, struct_to_binary

from opcua_server.access.attributes import OF_USER
from opcua_server.access.permissions import RECEIVE_EVENTS
from opcua_server.access.rights import Rights
from opcua_server.bank import TEXTS
from opcua_server.events import Events
from opcua_server.limits import ServerLimits
from opcua_server.monitoring.event_filter import EventFilter
from opcua_server.monitoring.filters import NO_FILTER, Filter
from opcua_server.monitoring.sample import AttributeSource, ConstantSource, NotifierSource, RowSource, Source, is_same
from opcua_server.monitoring.spec import REPORTING, Spec
from opcua_server.monitoring.subscription import Subscription
from opcua_server.nodes import plant_id
from opcua_server.services import event_filters
from opcua_server.services.attribute import AttributeService
from opcua_server.status import bad_value
from opcua_server.tags import Tags
from plant import quality
from plant.names import NAMESPACE_INDEX
from runtime.opcua_link.builtin import BOOLEAN
from runtime.opcua_link.datavalues import status_of

_NUMBERS = frozenset(vtype for vtype in ua.VariantType if 2 <= vtype.value <= 11)
FRESH_S = 0.05
"""What is not of the plant is read at most so often, for all who monitor it; more seldom where its node says so."""
_TRIGGERS = frozenset(trigger.value for trigger in ua.DataChangeTrigger)
_FOREVER_MS = 3_600_000.0
_EVENTS_QUEUED = 1_000
"""By an item of a notifier that asks for no queue of its own size."""
_REFUSING = frozenset(
    (
        ua.StatusCodes.BadNodeIdUnknown,
        ua.StatusCodes.BadNodeIdInvalid,
        ua.StatusCodes.BadAttributeIdInvalid,
        ua.StatusCodes.BadIndexRangeInvalid,
        ua.StatusCodes.BadDataEncodingInvalid,
        ua.StatusCodes.BadDataEncodingUnsupported,
        ua.StatusCodes.BadNotReadable,
    )
)

_DENIED = (ua.StatusCodes.BadUserAccessDenied, ua.StatusCodes.BadSecurityModeInsufficient)


class ItemRefused(Exception):  # noqa: N818
    """One item that is not created or modified."""

    def __init__(self, code: int, filter_result: ua.EventFilterResult | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.filter_result = filter_result
        """What is wrong with each clause of an event filter."""


class Agreement:
    """Answers what clients ask for by what the server can do."""

    def __init__(
        self,
        address_space: AddressSpace,
        attributes: AttributeService,
        tags: Tags,
        events: Events,
        limits: ServerLimits,
        scan_ms: float,
    ) -> None:
        self._address_space = address_space
        self._attributes = attributes
        self._tags = tags
        self._events = events
        self._limits = limits
        self._scan_ms = scan_ms
        self._rows: dict[int, RowSource] = {}
        """One source for each row, so that what is encoded for one subscriber serves all..."""
        self._others: WeakValueDictionary[bytes, AttributeSource] = WeakValueDictionary()
        """...and for each other attribute that somebody monitors, by its ReadValueId on the wire."""

    def source(self, rights: Rights, read: ua.ReadValueId) -> Source:
        """Return what takes the samples of an attribute.

        What a session may not read it may monitor, and is told so (§5.13.2.1); what it does not see is not there.

        Raises:
            ItemRefused: when it cannot be monitored.
        """
        if read.AttributeId == ua.AttributeIds.EventNotifier:
            return self._notifier(rights, read)
        row = self._tags.row_of(nodeid_to_binary(read.NodeId))
        tag_row = row if read.AttributeId == ua.AttributeIds.Value else None
        if tag_row is None or not rights.reads_row(tag_row):
            refused = self._attributes.refusal(rights, read)
            if refused in _DENIED:
                return ConstantSource(read, bad_value(refused))
            if quality.is_bad(refused):
                raise ItemRefused(refused)
        if tag_row is not None and not read.IndexRange:
            if read.DataEncoding is not None and read.DataEncoding.Name:
                raise ItemRefused(ua.StatusCodes.BadDataEncodingInvalid)
            return self._rows.get(tag_row) or self._rows.setdefault(tag_row, RowSource(self._tags.bank, tag_row))
        data = self._attributes.data_value(rights, read, row)
        status = status_of(data)
        if status in _REFUSING:
            raise ItemRefused(status)
        is_constant = read.NodeId.NamespaceIndex == NAMESPACE_INDEX and tag_row is None
        if is_constant or read.AttributeId in OF_USER:
            return ConstantSource(read, data)
        key = struct_to_binary(read)
        return self._others.get(key) or self._others.setdefault(key, self._attribute(rights, read, row))

    def source_after(self, rights: Rights, source: Source) -> Source:
        """Return what takes the samples from now on, when a session has other rights: the same if it may still."""
        if isinstance(source, NotifierSource):
            return source
        if isinstance(source, RowSource) and rights.reads_row(source.row):
            return source
        read = self._read_of(source)
        try:
            after = self.source(rights, read)
        except ItemRefused as refused:
            after = ConstantSource(read, bad_value(refused.code))
        return source if is_same(source, after) else after

    def _attribute(self, rights: Rights, read: ua.ReadValueId, row: int | None) -> AttributeSource:
        changes = self._tags.bank.changes
        fresh_s = max(FRESH_S, self._minimum_ms(read) / 1000.0)

        def version() -> int:
            return changes.item(row) if row is not None else int(time.monotonic() / fresh_s)

        return AttributeSource(read, lambda: self._attributes.data_value(rights, read, row), version)

    def spec(
        self,
        subscription: Subscription,
        source: Source,
        wanted: ua.MonitoringParameters,
        times_mask: int,
        mode: int = REPORTING,
    ) -> Spec:
        """Return the revised parameters of an item.

        Raises:
            ItemRefused: when its filter cannot be.
        """
        size = wanted.QueueSize
        if isinstance(source, NotifierSource) and size == 0:
            size = _EVENTS_QUEUED
        size = min(max(1, size), self._limits.max_monitored_items_queue_size)
        return Spec(
            source=source,
            handle=wanted.ClientHandle,
            mode=mode,
            sampling_ms=self._sampling_ms(subscription, source, wanted.SamplingInterval),
            size=size,
            discard_oldest=bool(wanted.DiscardOldest),
            filter=NO_FILTER if isinstance(source, NotifierSource) else self._filter(source, wanted.Filter),
            times_mask=times_mask,
            event_filter=self._event_filter(wanted.Filter) if isinstance(source, NotifierSource) else None,
        )

    def told_ms(self, spec: Spec) -> float:
        """Return the RevisedSamplingInterval."""
        return 0.0 if isinstance(spec.source, NotifierSource) else spec.sampling_ms or self._scan_ms

    def _notifier(self, rights: Rights, read: ua.ReadValueId) -> Source:
        data = self._attributes.data_value(rights, read)
        status = status_of(data)
        if quality.is_bad(status):
            raise ItemRefused(status)
        if data.Value is None or not (data.Value.Value or 0) & ua.EventNotifier.SubscribeToEvents.mask:
            raise ItemRefused(ua.StatusCodes.BadAttributeIdInvalid)
        refused = rights.status(read.NodeId, RECEIVE_EVENTS)
        if quality.is_bad(refused):
            raise ItemRefused(refused)
        return NotifierSource(read.NodeId, self._events.overflow)

    def _sampling_ms(self, subscription: Subscription, source: Source, wanted: float) -> float:
        """Return the sampling interval: 0 for every change, which a tag has at the scan's rate."""
        if isinstance(source, NotifierSource):
            return 0.0
        if not wanted >= 0.0:
            wanted = subscription.terms.publishing_ms
        if not isinstance(source, RowSource):
            wanted = max(wanted, self._minimum_ms(self._read_of(source)))
        scans = max(1, math.ceil(min(wanted, _FOREVER_MS) / self._scan_ms - 1e-6))
        if scans == 1 and isinstance(source, RowSource):
            return 0.0
        return scans * self._scan_ms

    def _minimum_ms(self, read: ua.ReadValueId) -> float:
        """Return the MinimumSamplingInterval of a Value, 0 where there is none."""
        if read.AttributeId != ua.AttributeIds.Value:
            return 0.0
        found = self._address_space.read_attribute_value(read.NodeId, ua.AttributeIds.MinimumSamplingInterval).Value
        return max(0.0, float(found.Value)) if found is not None and found.Value is not None else 0.0

    def _filter(self, source: Source, wanted: Any) -> Filter:
        if _is_absent(wanted):
            return NO_FILTER
        if _is(wanted, ua.EventFilter) or self._read_of(source).AttributeId != ua.AttributeIds.Value:
            raise ItemRefused(ua.StatusCodes.BadFilterNotAllowed)
        if not _is(wanted, ua.DataChangeFilter):
            raise ItemRefused(ua.StatusCodes.BadMonitoredItemFilterUnsupported)
        if int(wanted.Trigger) not in _TRIGGERS:
            raise ItemRefused(ua.StatusCodes.BadMonitoredItemFilterInvalid)
        return Filter(int(wanted.Trigger), self._deadband(source, wanted))

    def _event_filter(self, wanted: Any) -> EventFilter:
        if _is_absent(wanted):
            raise ItemRefused(ua.StatusCodes.BadEventFilterInvalid)
        if not _is(wanted, ua.EventFilter):
            raise ItemRefused(ua.StatusCodes.BadFilterNotAllowed)
        agreed, result = event_filters.agree(wanted, self._events.types, self._limits)
        if agreed is None:
            raise ItemRefused(ua.StatusCodes.BadEventFilterInvalid, result)
        return agreed

    def _deadband(self, source: Source, wanted: ua.DataChangeFilter) -> float:
        kind, value = wanted.DeadbandType, float(wanted.DeadbandValue)
        if kind == ua.DeadbandType.None_:
            return 0.0
        if not self._is_number(source):
            raise ItemRefused(ua.StatusCodes.BadFilterNotAllowed)
        if kind == ua.DeadbandType.Absolute:
            if not 0.0 <= value < math.inf:
                raise ItemRefused(ua.StatusCodes.BadDeadbandFilterInvalid)
            return value
        if kind != ua.DeadbandType.Percent:
            raise ItemRefused(ua.StatusCodes.BadMonitoredItemFilterUnsupported)
        span = self._eu_span(self._read_of(source).NodeId)
        if span is None:
            raise ItemRefused(ua.StatusCodes.BadMonitoredItemFilterUnsupported)
        if not 0.0 <= value <= 100.0:
            raise ItemRefused(ua.StatusCodes.BadDeadbandFilterInvalid)
        return value / 100.0 * span

    def _is_number(self, source: Source) -> bool:
        if isinstance(source, RowSource):
            return int(self._tags.bank.types[source.row]) not in (*TEXTS, BOOLEAN, ua.VariantType.DateTime.value)
        read = self._read_of(source)
        data = self._address_space.read_attribute_value(read.NodeId, read.AttributeId)
        return data.Value is not None and data.Value.VariantType in _NUMBERS

    def _read_of(self, source: Source) -> ua.ReadValueId:
        if isinstance(source, (AttributeSource, ConstantSource)):
            return source.read
        path = self._tags.path_of(source.row) if isinstance(source, RowSource) else None
        return ua.ReadValueId(plant_id(path) if path is not None else ua.NodeId(), ua.AttributeIds.Value)

    def _eu_span(self, node: ua.NodeId) -> float | None:
        """Return the width of the EURange property (OPC 10000-8 v1.05 §5.3.2.3), None where there is none."""
        data = self._address_space.get(node)
        for reference in data.references if data is not None else ():
            if reference.IsForward and reference.BrowseName == ua.QualifiedName("EURange", 0):
                value = self._address_space.read_attribute_value(reference.NodeId, ua.AttributeIds.Value).Value
                span: Any = value.Value if value is not None else None
                return float(span.High - span.Low) if isinstance(span, ua.Range) else None
        return None


def _is_absent(wanted: Any) -> bool:
    return wanted is None or (isinstance(wanted, ua.ExtensionObject) and wanted.TypeId.is_null())


def _is(wanted: Any, kind: Any) -> bool:
    """Tell whether a filter is of a kind; asyncua decodes to classes of its own that only look the same."""
    return bool(getattr(wanted, "data_type", None) == kind.data_type)
