"""Attributes that tell of permissions: computed from a node's policy, stored nowhere (OPC 10000-3 v1.05 §5.2)."""

from __future__ import annotations

from functools import cache
from typing import Any

from asyncua import ua
from asyncua.server.address_space import NodeData

from opcua_server.access.permissions import AMEND_HISTORY, CALL, PLANT, READ, READ_HISTORY, WRITE, Policy
from opcua_server.access.rights import Rights
from opcua_server.access.roles import role_id
from opcua_server.namespace_metadata import DEFAULT_USER_ROLE_PERMISSIONS

_OF_EVERY_NODE = (
    ua.AttributeIds.RolePermissions,
    ua.AttributeIds.UserRolePermissions,
    ua.AttributeIds.AccessRestrictions,
)
OF_USER = frozenset(
    (ua.AttributeIds.UserRolePermissions, ua.AttributeIds.UserAccessLevel, ua.AttributeIds.UserExecutable)
)
"""These differ from session to session."""

_LEVELS = (
    (READ, ua.AccessLevel.CurrentRead.mask),
    (WRITE, ua.AccessLevel.CurrentWrite.mask | ua.AccessLevel.StatusWrite.mask | ua.AccessLevel.TimestampWrite.mask),
    (READ_HISTORY, ua.AccessLevel.HistoryRead.mask),
    (AMEND_HISTORY, ua.AccessLevel.HistoryWrite.mask),
)


def computed(node: NodeData, policy: Policy, rights: Rights, attribute: int) -> ua.Variant | None:
    """Return an attribute that follows from a node's policy; None for all others."""
    if attribute == ua.AttributeIds.Value:
        return role_permissions(PLANT, rights.roles) if node.nodeid == DEFAULT_USER_ROLE_PERMISSIONS else None
    if attribute == ua.AttributeIds.RolePermissions:
        return role_permissions(policy, frozenset(policy.permissions))
    if attribute == ua.AttributeIds.UserRolePermissions:
        return role_permissions(policy, rights.roles)
    if attribute == ua.AttributeIds.AccessRestrictions:
        return ua.Variant(int(rights.restrictions(policy)), ua.VariantType.UInt16)
    if attribute == ua.AttributeIds.UserAccessLevel and attribute in node.attributes:
        return ua.Variant(_user_access_level(node, rights.granted(policy)), ua.VariantType.Byte)
    if attribute == ua.AttributeIds.AccessLevelEx and ua.AttributeIds.AccessLevel in node.attributes:
        return ua.Variant(_stored(node, ua.AttributeIds.AccessLevel), ua.VariantType.UInt32)
    if attribute == ua.AttributeIds.UserExecutable and attribute in node.attributes:
        may = bool(rights.granted(policy) & CALL)
        return ua.Variant(may and bool(_stored(node, ua.AttributeIds.Executable)), ua.VariantType.Boolean)
    return None


def is_attribute(node: NodeData, attribute: int) -> bool:
    """Tell whether a node has an attribute, stored or computed."""
    if attribute == ua.AttributeIds.AccessLevelEx:
        return ua.AttributeIds.AccessLevel in node.attributes
    return attribute in _OF_EVERY_NODE or attribute in node.attributes


@cache
def role_permissions(policy: Policy, roles: frozenset[str]) -> ua.Variant:
    """Return the permissions of those of these roles that have any, as an array of RolePermissionType."""
    return ua.Variant(
        [
            ua.RolePermissionType(RoleId=role_id(role), Permissions=permissions)
            for role, permissions in policy.permissions.items()
            if role in roles
        ],
        ua.VariantType.ExtensionObject,
        is_array=True,
    )


def _user_access_level(node: NodeData, granted: int) -> int:
    """Return the AccessLevel without what is not granted (OPC 10000-3 v1.05 §8.55)."""
    level = _stored(node, ua.AttributeIds.AccessLevel)
    for permission, bits in _LEVELS:
        if not granted & permission:
            level &= ~bits
    return level


def _stored(node: NodeData, attribute: ua.AttributeIds) -> int:
    data: Any = node.attributes[attribute].value
    return int(data.Value.Value)
