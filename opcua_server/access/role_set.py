"""The RoleSet object: the roles there are, and who has them (OPC 10000-18 v1.05 §4.3, §4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from opcua_server.access.permissions import SECURITY
from opcua_server.access.policies import Policies
from opcua_server.access.roles import ANONYMOUS, AUTHENTICATED_USER, OWN, WELL_KNOWN, IdentityRule, role_id
from opcua_server.nodes import NodeBuilder, plant_id, standard_id

ROLE_SET = standard_id(ua.ObjectIds.Server_ServerCapabilities_RoleSet)
_METHODS = tuple(
    standard_id(getattr(ua.ObjectIds, f"Server_ServerCapabilities_RoleSet_{name}"))
    for name in ("AddRole", "RemoveRole")
)
_IDENTITIES = "Identities"
_CHILDREN = (standard_id(ua.ObjectIds.HasComponent), standard_id(ua.ObjectIds.HasProperty))
_ANYBODY = IdentityRule(ua.IdentityCriteriaType.Anonymous, "", frozenset({ANONYMOUS}))
_AUTHENTICATED = IdentityRule(ua.IdentityCriteriaType.AuthenticatedUser, "", frozenset({ANONYMOUS, AUTHENTICATED_USER}))


def build(builder: NodeBuilder, address_space: AddressSpace) -> None:
    """Leave the roles that are in use, with no more than their Identities, and add our own.

    Roles are managed with the users, not by Methods; AddRole and RemoveRole are mandatory, so they stay.
    """
    used = {*map(role_id, WELL_KNOWN), *_METHODS}
    for child in list(_children(address_space, ROLE_SET)):
        if child.NodeId not in used:
            _remove(address_space, child.NodeId)
    for role in WELL_KNOWN:
        for child in list(_children(address_space, role_id(role))):
            if child.BrowseName.Name != _IDENTITIES:
                _remove(address_space, child.NodeId)
    for role in OWN:
        path = f"RoleSet.{role}"
        builder.add_object(path, ROLE_SET, type_id=ua.ObjectIds.RoleType)
        builder.add_property(
            f"{path}.{_IDENTITIES}",
            plant_id(path),
            ua.ObjectIds.IdentityMappingRuleType,
            [],
            ua.VariantType.ExtensionObject,
        )


def show_identities(
    address_space: AddressSpace, policies: Policies, rules: Callable[[], Iterable[IdentityRule]]
) -> None:
    """Let administrators read who has which role, as `rules` returns it at that moment."""
    for node in _METHODS:
        for each in (node, *(child.NodeId for child in _children(address_space, node))):
            policies.govern(each, SECURITY)
    for role in (*WELL_KNOWN, *OWN):
        for child in _children(address_space, role_id(role)):
            policies.govern(child.NodeId, SECURITY)
            value = address_space[child.NodeId].attributes[ua.AttributeIds.Value]
            value.value_callback = _reader(role, rules)


def _reader(
    role: str, rules: Callable[[], Iterable[IdentityRule]]
) -> Callable[[ua.NodeId, ua.AttributeIds], ua.DataValue]:
    def read(node: ua.NodeId, attribute: ua.AttributeIds) -> ua.DataValue:
        del node, attribute
        identities = [
            ua.IdentityMappingRuleType(CriteriaType=rule.criteria_type, Criteria=rule.criteria)
            for rule in (_ANYBODY, _AUTHENTICATED, *rules())
            if role in rule.roles
        ]
        return ua.DataValue(ua.Variant(identities, ua.VariantType.ExtensionObject, is_array=True))

    return read


def _children(address_space: AddressSpace, node: ua.NodeId) -> Iterator[ua.ReferenceDescription]:
    for reference in address_space[node].references:
        if reference.IsForward and reference.ReferenceTypeId in _CHILDREN:
            yield reference


def _remove(address_space: AddressSpace, node: ua.NodeId) -> None:
    """Remove a node with what is below it, and the references to it."""
    for child in list(_children(address_space, node)):
        _remove(address_space, child.NodeId)
    for reference in address_space[node].references:
        other = address_space.get(reference.NodeId)
        if other is not None:
            other.references = [each for each in other.references if each.NodeId != node]
    del address_space[node]
