"""What clients are told of the plant's namespace (OPC 10000-5 v1.05 §6.3.13)."""

from __future__ import annotations

import importlib.metadata

from asyncua import ua

from opcua_server.nodes import NodeBuilder, plant_id, standard_id
from plant.names import NAMESPACE_URI
from runtime.opcua_link.filetime import FileTime

PATH = "NamespaceMetadata"
DEFAULT_ROLE_PERMISSIONS, DEFAULT_USER_ROLE_PERMISSIONS, DEFAULT_ACCESS_RESTRICTIONS = (
    plant_id(f"{PATH}.{name}")
    for name in ("DefaultRolePermissions", "DefaultUserRolePermissions", "DefaultAccessRestrictions")
)
_UNPUBLISHED = FileTime.of(0)
"""The null DateTime: there is no formal publication."""


def add(builder: NodeBuilder) -> None:
    """Add the metadata below Server.Namespaces; no node is static, for each plant has its own reactors."""
    metadata = builder.add_object(
        PATH,
        standard_id(ua.ObjectIds.Server_Namespaces),
        type_id=ua.ObjectIds.NamespaceMetadataType,
        name=NAMESPACE_URI,
        description="The plant's nodes",
    )
    ids, kinds = ua.ObjectIds, ua.VariantType
    for name, data_type, value, kind in (
        ("NamespaceUri", ids.String, NAMESPACE_URI, kinds.String),
        ("NamespaceVersion", ids.String, importlib.metadata.version("cstr-gateway"), kinds.String),
        ("NamespacePublicationDate", ids.DateTime, _UNPUBLISHED, kinds.DateTime),
        ("IsNamespaceSubset", ids.Boolean, False, kinds.Boolean),
        ("StaticNodeIdTypes", ids.IdType, [], kinds.Int32),
        ("StaticNumericNodeIdRange", ids.NumericRange, [], kinds.String),
        ("StaticStringNodeIdPattern", ids.String, "", kinds.String),
    ):
        builder.add_property(f"{PATH}.{name}", metadata, data_type, value, kind)


def metadata_id() -> ua.NodeId:
    """Return the NodeId of the metadata Object."""
    return plant_id(PATH)
