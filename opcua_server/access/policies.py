"""Which policy governs a node: its own, or that of its namespace."""

from __future__ import annotations

from collections.abc import Iterator

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.ua_binary import nodeid_to_binary

from opcua_server.access.permissions import AUDIT_EVENTS, CONFIGURATION, PLANT, PUBLIC, SECURITY, SIGNALS, Policy
from opcua_server.diagnostics.secrecy import is_secret
from opcua_server.namespace_metadata import DEFAULT_ROLE_PERMISSIONS
from opcua_server.nodes import standard_id
from opcua_server.tags import Tags
from plant.names import NAMESPACE_INDEX

_DIAGNOSTICS = "Server_ServerDiagnostics"
_OF_SERVER = ("RoleSet", "NamespaceMetadata", "Server")
"""Nodes of the plant's namespace below the Server object."""
_HAS_SUBTYPE = standard_id(ua.ObjectIds.HasSubtype)


class Policies:
    """The policies of all nodes; only those that differ from their namespace's are stored."""

    def __init__(self, tags: Tags) -> None:
        self._tags = tags
        self._own: dict[ua.NodeId, Policy] = {}

    def govern(self, node: ua.NodeId, policy: Policy | None) -> None:
        """Put a node under a policy of its own; None: under that of its namespace again."""
        if policy is None:
            self._own.pop(node, None)
        else:
            self._own[node] = policy

    def own(self, node: ua.NodeId) -> Policy | None:
        """Return what governs this node and not its like."""
        return SECURITY if is_secret(node) else self._own.get(node)

    def of(self, node: ua.NodeId) -> Policy:
        """Return what governs a node, there or not."""
        own = self.own(node)
        if own is not None:
            return own
        if node.NamespaceIndex != NAMESPACE_INDEX:
            return PUBLIC
        row = self._tags.row_of(nodeid_to_binary(node))
        if row is not None:
            return self._of_row(row)
        owner = str(node.Identifier).partition(".")[0]
        return PUBLIC if owner.endswith("Type") or owner in _OF_SERVER else PLANT

    def of_rows(self) -> Iterator[Policy]:
        """Yield the policy of each row of the bank."""
        return map(self._of_row, range(len(self._tags.bank)))

    def _of_row(self, row: int) -> Policy:
        tag = self._tags.of_row(row)
        return SIGNALS[tag.signal.writer] if tag is not None else PLANT


def standard_policies(address_space: AddressSpace) -> Iterator[tuple[ua.NodeId, Policy]]:
    """Yield the standard nodes that not everyone may use alike."""
    yield DEFAULT_ROLE_PERMISSIONS, SECURITY
    yield standard_id(getattr(ua.ObjectIds, f"{_DIAGNOSTICS}_EnabledFlag")), CONFIGURATION
    for event_type in _with_subtypes(address_space, standard_id(ua.ObjectIds.AuditEventType)):
        yield event_type, AUDIT_EVENTS


def _with_subtypes(address_space: AddressSpace, node_type: ua.NodeId) -> Iterator[ua.NodeId]:
    yield node_type
    for reference in address_space[node_type].references:
        if reference.IsForward and reference.ReferenceTypeId == _HAS_SUBTYPE:
            yield from _with_subtypes(address_space, reference.NodeId)
