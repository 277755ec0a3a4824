"""What the address space says of events: their types, the fields these declare, and where they are told."""

from __future__ import annotations

from collections.abc import Iterator

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from opcua_server.monitoring.event import Path, path_of
from opcua_server.nodes import standard_id

BASE_EVENT_TYPE = standard_id(ua.ObjectIds.BaseEventType)
CONDITION_TYPE = standard_id(ua.ObjectIds.ConditionType)
SERVER = standard_id(ua.ObjectIds.Server)
_HAS_SUBTYPE = standard_id(ua.ObjectIds.HasSubtype)
_TO_SOURCES = tuple(standard_id(number) for number in (ua.ObjectIds.HasEventSource, ua.ObjectIds.HasNotifier))
_TO_PARTS = tuple(
    standard_id(number)
    for number in (ua.ObjectIds.HasComponent, ua.ObjectIds.HasOrderedComponent, ua.ObjectIds.HasProperty)
)
_INSTANCES = (ua.NodeClass.Object, ua.NodeClass.Variable)


class EventTypes:
    """The EventTypes of an address space."""

    def __init__(self, address_space: AddressSpace) -> None:
        self._nodes = address_space
        self._lines: dict[ua.NodeId, tuple[ua.NodeId, ...]] = {}
        self._fields: dict[ua.NodeId, dict[Path, ua.NodeClass]] = {}

    def is_event_type(self, node: ua.NodeId) -> bool:
        """Tell whether a node is BaseEventType or a subtype of it."""
        return BASE_EVENT_TYPE in self.line(node)

    def line(self, type_id: ua.NodeId) -> tuple[ua.NodeId, ...]:
        """Return a type and what it is a subtype of, up to BaseEventType; nothing where it is no EventType."""
        known = self._lines.get(type_id)
        if known is None:
            line = [type_id]
            while line[-1] != BASE_EVENT_TYPE:
                above = next(self._targets(line[-1], (_HAS_SUBTYPE,), forward=False), None)
                if above is None:
                    return ()  # not kept: clients ask for any node
                line.append(above)
            known = self._lines[type_id] = tuple(line)
        return known

    def declares(self, type_id: ua.NodeId, path: Path) -> ua.NodeClass | None:
        """Return the class of the InstanceDeclaration at a path; None where the type has none.

        Of BaseEventType any EventType's will do: there a path is taken without regard to the type (OPC 10000-4 v1.05
        §7.22.3).
        """
        if type_id == BASE_EVENT_TYPE:
            types = [BASE_EVENT_TYPE, *self._subtypes(BASE_EVENT_TYPE)]
            return next((found for each in types if (found := self.declared(each).get(path)) is not None), None)
        return next((found for each in self.line(type_id) if (found := self.declared(each).get(path))), None)

    def declared(self, type_id: ua.NodeId) -> dict[Path, ua.NodeClass]:
        """Return what a type declares itself, by path."""
        fields = self._fields.get(type_id)
        if fields is None:
            fields = self._fields[type_id] = dict(self._walk(type_id, ()))
        return fields

    def _walk(self, node: ua.NodeId, above: Path) -> Iterator[tuple[Path, ua.NodeClass]]:
        for reference in self._nodes[node].references:
            if reference.IsForward and reference.ReferenceTypeId in _TO_PARTS and reference.NodeClass in _INSTANCES:
                path = (*above, *path_of(reference.BrowseName))
                yield path, ua.NodeClass(reference.NodeClass)
                yield from self._walk(reference.NodeId, path)

    def _subtypes(self, type_id: ua.NodeId) -> Iterator[ua.NodeId]:
        for subtype in self._targets(type_id, (_HAS_SUBTYPE,), forward=True):
            yield subtype
            yield from self._subtypes(subtype)

    def _targets(self, node: ua.NodeId, kinds: tuple[ua.NodeId, ...], *, forward: bool) -> Iterator[ua.NodeId]:
        if node in self._nodes:
            for reference in self._nodes[node].references:
                if reference.IsForward is forward and reference.ReferenceTypeId in kinds:
                    yield reference.NodeId

    def notifiers(self, source: ua.NodeId) -> frozenset[ua.NodeId]:
        """Return where an event of a source is told.

        That is at the source, at all that have it for an event source or notifier, and always at the Server object
        (OPC 10000-3 v1.05 §7.17, §7.18).
        """
        found = {SERVER, source}
        waiting = [source]
        while waiting:
            above = set(self._targets(waiting.pop(), _TO_SOURCES, forward=False)) - found
            found |= above
            waiting += above
        return frozenset(found)
