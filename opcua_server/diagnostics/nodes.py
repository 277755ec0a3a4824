"""The nodes of the sessions and subscriptions there are, made when they are asked for: nothing is kept of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeData

from opcua_server.diagnostics.complex_variable import (
    HAS_COMPONENT,
    ComplexVariable,
    instance,
    local_id,
    reference,
)
from opcua_server.diagnostics.readings import SECURITY, SESSION, SUBSCRIPTION, Owned
from opcua_server.diagnostics.secrecy import LOCAL, SECURITY_ARRAY
from opcua_server.nodes import standard_id
from opcua_server.session import PlantSession
from opcua_server.standard_values import computed, constant

_SUBSCRIPTIONS, _SUMMARY, _SESSIONS = (
    int(number)
    for number in (
        ua.ObjectIds.Server_ServerDiagnostics_SubscriptionDiagnosticsArray,
        ua.ObjectIds.Server_ServerDiagnostics_SessionsDiagnosticsSummary,
        ua.ObjectIds.Server_ServerDiagnostics_SessionsDiagnosticsSummary_SessionDiagnosticsArray,
    )
)
_OBJECT_TYPE = standard_id(ua.ObjectIds.SessionDiagnosticsObjectType)
_HAS_TYPE = standard_id(ua.ObjectIds.HasTypeDefinition)
_ARRAY = "SessionDiagnosticsObjectType_SubscriptionDiagnosticsArray"
MOST_DIGITS = 10
"""Of a SubscriptionId."""
LONGEST_NAME = 512
"""Characters of a BrowseName (OPC 10000-3 v1.05 §8.3)."""


class DiagnosticNodes(MutableMapping[ua.NodeId, NodeData]):
    """The nodes of an address space, and those of the sessions and subscriptions while diagnostics are enabled."""

    def __init__(self, space: AddressSpace) -> None:
        self._nodes: MutableMapping[ua.NodeId, NodeData] = space._nodes
        self.session = ComplexVariable(
            space, "SessionDiagnosticsObjectType_SessionDiagnostics", "SessionDiagnosticsDataType", SESSION
        )
        self.security = ComplexVariable(
            space,
            "SessionDiagnosticsObjectType_SessionSecurityDiagnostics",
            "SessionSecurityDiagnosticsDataType",
            SECURITY,
        )
        self.subscription = ComplexVariable(
            space,
            "SubscriptionDiagnosticsArrayType_SubscriptionDiagnostics",
            "SubscriptionDiagnosticsDataType",
            SUBSCRIPTION,
        )
        self._array = self._nodes[standard_id(getattr(ua.ObjectIds, _ARRAY))]
        self._array_type = next(each for each in self._array.references if each.ReferenceTypeId == _HAS_TYPE)
        self.is_enabled = True
        self.sessions: Callable[[], Iterator[PlantSession]] = lambda: iter(())
        self.find_session: Callable[[ua.NodeId], PlantSession | None] = lambda session_id: None
        self.subscriptions: Callable[[], Iterator[Owned]] = lambda: iter(())
        self.find_subscription: Callable[[int], Owned | None] = lambda number: None
        self._entries: dict[Any, Callable[[], list[ua.ReferenceDescription]]] = {
            _SUMMARY: lambda: [_object_reference(each) for each in self.sessions()],
            _SESSIONS: lambda: [self.session.seen_from(_of(each, "SessionDiagnostics")) for each in self.sessions()],
            SECURITY_ARRAY: lambda: [
                self.security.seen_from(_of(each, "SessionSecurityDiagnostics")) for each in self.sessions()
            ],
            _SUBSCRIPTIONS: lambda: [self.subscription.seen_from(_path(each)) for each in self.subscriptions()],
        }

    def __getitem__(self, key: ua.NodeId) -> NodeData:
        if key.NamespaceIndex == LOCAL:
            node = self._make(key) if self.is_enabled else None
            if node is None:
                raise KeyError(key)
            return node
        node = self._nodes[key]
        entries = self._entries.get(key.Identifier) if key.NamespaceIndex == 0 else None
        if entries is None or not self.is_enabled:
            return node
        longer = NodeData(node.nodeid)
        longer.attributes = node.attributes
        longer.references = node.references + entries()
        return longer

    def __contains__(self, key: object) -> bool:
        if isinstance(key, ua.NodeId) and key.NamespaceIndex == LOCAL:
            return self.is_enabled and self._make(key) is not None
        return key in self._nodes

    def __setitem__(self, key: ua.NodeId, node: NodeData) -> None:
        self._nodes[key] = node

    def __delitem__(self, key: ua.NodeId) -> None:
        del self._nodes[key]

    def __iter__(self) -> Iterator[ua.NodeId]:
        """Yield the NodeIds that stay."""
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def _make(self, key: ua.NodeId) -> NodeData | None:
        path: Any = key.Identifier
        if not isinstance(path, str):
            session = self.find_session(key)
            return self._make_object(session) if session is not None else None
        kind, _, rest = path.partition(".")
        if kind != "Subscription":
            session = self.find_session(_session_id(kind))
            return self._make_of_session(session, rest) if session is not None else None
        number, _, rest = rest.partition(".")
        is_number = number.isdecimal() and len(number) <= MOST_DIGITS
        owned = self.find_subscription(int(number)) if is_number else None
        if owned is None or _path(owned) != f"{kind}.{number}":
            return None
        if rest:
            return self.subscription.component(_path(owned), rest, owned)
        back = [self._back(_SUBSCRIPTIONS)]
        if not owned.session_id.is_null():
            back.append(self._array_reference(owned.session_id, is_forward=False))
        return self.subscription.whole(_path(owned), owned, back)

    def _make_of_session(self, session: PlantSession, rest: str) -> NodeData | None:
        part, _, field = rest.partition(".")
        if part == "SubscriptionDiagnosticsArray":
            return self._make_array(session) if not field else None
        variables = {
            "SessionDiagnostics": (self.session, _SESSIONS),
            "SessionSecurityDiagnostics": (self.security, SECURITY_ARRAY),
        }
        if part not in variables:
            return None
        variable, array = variables[part]
        path = _of(session, part)
        if field:
            return variable.component(path, field, session)
        return variable.whole(path, session, [self._back(array), _object_reference(session, is_forward=False)])

    def _make_object(self, session: PlantSession) -> NodeData:
        node = NodeData(session.id)
        text, number = ua.VariantType.LocalizedText, ua.VariantType.UInt32
        name = _name(session)
        node.attributes = {
            ua.AttributeIds.NodeId: constant(session.id, ua.VariantType.NodeId),
            ua.AttributeIds.NodeClass: constant(ua.NodeClass.Object, ua.VariantType.Int32),
            ua.AttributeIds.BrowseName: constant(ua.QualifiedName(name, LOCAL), ua.VariantType.QualifiedName),
            ua.AttributeIds.DisplayName: constant(ua.LocalizedText(name), text),
            ua.AttributeIds.Description: constant(ua.LocalizedText(), text),
            ua.AttributeIds.WriteMask: constant(0, number),
            ua.AttributeIds.UserWriteMask: constant(0, number),
            ua.AttributeIds.EventNotifier: constant(0, ua.VariantType.Byte),
        }
        type_node = self._nodes[_OBJECT_TYPE]
        definition = reference(_OBJECT_TYPE, type_node, ua.NodeId())
        definition.ReferenceTypeId = _HAS_TYPE
        node.references = [
            definition,
            self._back(_SUMMARY),
            self.session.seen_from(_of(session, "SessionDiagnostics")),
            self.security.seen_from(_of(session, "SessionSecurityDiagnostics")),
            self._array_reference(session.id),
        ]
        return node

    def _make_array(self, session: PlantSession) -> NodeData:
        def read() -> list[Any]:
            return [self.subscription.read(each) for each in self._owned_by(session)]

        path = _of(session, "SubscriptionDiagnosticsArray")
        node = instance(self._array, path, computed(read, ua.VariantType.ExtensionObject))
        node.references = [
            self._array_type,
            _object_reference(session, is_forward=False),
            *(self.subscription.seen_from(_path(each)) for each in self._owned_by(session)),
        ]
        return node

    def _owned_by(self, session: PlantSession) -> list[Owned]:
        return [Owned(each, session.id) for each in session.subscriptions.values()]

    def _array_reference(self, session_id: ua.NodeId, *, is_forward: bool = True) -> ua.ReferenceDescription:
        path: Any = session_id.Identifier
        target = local_id(f"{path}.SubscriptionDiagnosticsArray")
        return reference(target, self._array, self._array_type.NodeId, is_forward=is_forward)

    def _back(self, number: int) -> ua.ReferenceDescription:
        """Return the inverse reference to a node of the standard."""
        node = self._nodes[standard_id(number)]
        definition = next(each.NodeId for each in node.references if each.ReferenceTypeId == _HAS_TYPE)
        return reference(node.nodeid, node, definition, is_forward=False)


def _session_id(text: str) -> ua.NodeId:
    """Return the SessionId that begins a path; one that is none is nobody's."""
    try:
        unique: Any = uuid.UUID(text)
    except ValueError:
        return ua.NodeId()
    return ua.NodeId(unique, ua.Int16(LOCAL)) if str(unique) == text else ua.NodeId()


def _name(session: PlantSession) -> str:
    return session.client.session_name[:LONGEST_NAME] or str(session.id.Identifier)


def _object_reference(session: PlantSession, *, is_forward: bool = True) -> ua.ReferenceDescription:
    name = _name(session)
    return ua.ReferenceDescription(
        HAS_COMPONENT,
        is_forward,
        session.id,
        ua.QualifiedName(name, LOCAL),
        ua.LocalizedText(name),
        ua.NodeClass.Object,
        _OBJECT_TYPE,
    )


def _of(session: PlantSession, part: str) -> str:
    path: Any = session.id.Identifier
    return f"{path}.{part}"


def _path(owned: Owned) -> str:
    return f"Subscription.{owned.subscription.id}"
