"""What the plant's namespace tells of its default permissions (OPC 10000-5 v1.05 §6.3.13)."""

from __future__ import annotations

from asyncua import ua

from opcua_server.access.attributes import role_permissions
from opcua_server.access.permissions import PLANT
from opcua_server.namespace_metadata import (
    DEFAULT_ACCESS_RESTRICTIONS,
    DEFAULT_ROLE_PERMISSIONS,
    DEFAULT_USER_ROLE_PERMISSIONS,
    metadata_id,
)
from opcua_server.nodes import NodeBuilder


def add(builder: NodeBuilder) -> None:
    """Add the defaults to the namespace's metadata; what a session's roles are granted is computed for each."""
    permissions = role_permissions(PLANT, frozenset(PLANT.permissions)).Value
    ids, kinds = ua.ObjectIds, ua.VariantType
    for node, data_type, value, kind in (
        (DEFAULT_ROLE_PERMISSIONS, ids.RolePermissionType, permissions, kinds.ExtensionObject),
        (DEFAULT_USER_ROLE_PERMISSIONS, ids.RolePermissionType, [], kinds.ExtensionObject),
        (DEFAULT_ACCESS_RESTRICTIONS, ids.AccessRestrictionType, int(PLANT.restrictions), kinds.UInt16),
    ):
        builder.add_property(str(node.Identifier), metadata_id(), data_type, value, kind)
