"""Every node that can be reached from Root has what the standard wants of it: no mandatory attribute is Bad or null."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from asyncua import Client, ua

from opcua_server.profiles import supported_units, supported_uris
from opcua_server.standard_changes import ABSTRACT_VARIABLE_TYPES, UNSUPPORTED

from . import diagnostics_types

diagnostics_types.register()

T = TypeVar("T")
A = ua.AttributeIds
_BASE = (A.NodeId, A.NodeClass, A.BrowseName, A.DisplayName)
MANDATORY = {
    ua.NodeClass.Object: (*_BASE, A.EventNotifier),
    ua.NodeClass.Variable: (
        *_BASE,
        A.Value,
        A.DataType,
        A.ValueRank,
        A.AccessLevel,
        A.UserAccessLevel,
        A.Historizing,
    ),
    ua.NodeClass.Method: (*_BASE, A.Executable, A.UserExecutable),
    ua.NodeClass.ObjectType: (*_BASE, A.IsAbstract),
    ua.NodeClass.VariableType: (*_BASE, A.DataType, A.ValueRank, A.IsAbstract),
    ua.NodeClass.ReferenceType: (*_BASE, A.IsAbstract, A.Symmetric),
    ua.NodeClass.DataType: (*_BASE, A.IsAbstract),
    ua.NodeClass.View: (*_BASE, A.ContainsNoLoops, A.EventNotifier),
}
"""OPC 10000-3 v1.05 §5, of each NodeClass."""
TYPES = (ua.NodeClass.ObjectType, ua.NodeClass.VariableType)
NULL_ALLOWED = {
    "/Objects/Server/ServerCapabilities/RoleSet/": "null while no identities, applications and endpoints are set",
    "/Objects/Server/Namespaces/http://opcfoundation.org/UA//Default": "optional; the standard's nodes have no default",
}
"""Paths below which a Value may be null, and why; an InstanceDeclaration of a type only declares and has no value."""
WAITING = "BadWaitingForInitialData"
"""What a detector will tell is told so until there is one."""
METHODS = {"GetMonitoredItems", "ResendData", "Pause", "Resume", "Step", "SetSpeed", "Reset", "Inject", "Clear"}
"""Those that do something; the roles' are refused one by one."""
BATCH = 500
Values = dict[tuple[ua.NodeId, ua.AttributeIds], ua.DataValue]


@dataclass
class Node:
    """One node as it was found."""

    node_id: ua.NodeId
    node_class: ua.NodeClass
    path: str
    is_declaration: bool
    """Below a type."""


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[at : at + BATCH] for at in range(0, len(items), BATCH))


async def browse(client: Client, node_ids: Iterable[ua.NodeId]) -> list[list[ua.ReferenceDescription]]:
    """Return all hierarchical references of nodes."""
    found: list[list[ua.ReferenceDescription]] = []
    for batch in batches(list(node_ids)):
        wanted = [
            ua.BrowseDescription(
                NodeId=node_id,
                BrowseDirection=ua.BrowseDirection.Forward,
                ReferenceTypeId=ua.NodeId(ua.ObjectIds.HierarchicalReferences),
                IncludeSubtypes=True,
                NodeClassMask=ua.NodeClass.Unspecified,
                ResultMask=ua.BrowseResultMask.All,
            )
            for node_id in batch
        ]
        for result in await client.uaclient.browse(ua.BrowseParameters(NodesToBrowse=wanted)):
            assert result.StatusCode.is_good()
            references = list(result.References or [])
            while result.ContinuationPoint:
                following = ua.BrowseNextParameters(ContinuationPoints=[result.ContinuationPoint])
                (result,) = await client.uaclient.browse_next(following)
                references += result.References or []
            found.append(references)
    return found


async def walk(client: Client) -> list[Node]:
    """Return every node there is below Root, once."""
    root = Node(ua.NodeId(ua.ObjectIds.RootFolder), ua.NodeClass.Object, "", is_declaration=False)
    seen = {root.node_id: root}
    todo = [root]
    while todo:
        found: list[Node] = []
        for node, references in zip(todo, await browse(client, [each.node_id for each in todo]), strict=True):
            for reference in references:
                if reference.NodeId in seen:
                    continue
                is_declaration = node.is_declaration or node.node_class in TYPES
                path = f"{node.path}/{reference.BrowseName.Name}"
                seen[reference.NodeId] = Node(reference.NodeId, reference.NodeClass, path, is_declaration)
                found.append(seen[reference.NodeId])
        todo = found
    return list(seen.values())


async def read_all(client: Client, nodes: Sequence[Node]) -> Values:
    """Return every mandatory attribute of nodes."""
    wanted = [(node.node_id, attribute) for node in nodes for attribute in MANDATORY[node.node_class]]
    values: Values = {}
    for batch in batches(wanted):
        items = [ua.ReadValueId(*key) for key in batch]
        answers = await client.uaclient.read(ua.ReadParameters(NodesToRead=items))
        values |= dict(zip(batch, answers, strict=True))
    return values


def is_allowed(node: Node, attribute: ua.AttributeIds, data: ua.DataValue) -> bool:
    """Tell whether a mandatory attribute may be null or Bad."""
    if attribute != A.Value:
        return False
    if data.StatusCode.name == WAITING:
        return "/Detector/" in node.path or node.path.startswith("/Objects/Tags/")
    is_null_only = data.StatusCode.is_good()
    return is_null_only and (node.is_declaration or any(node.path.startswith(path) for path in NULL_ALLOWED))


def missing(nodes: Sequence[Node], values: Values) -> list[str]:
    """Return each mandatory attribute that is Bad or null, for no reason that is allowed."""
    found: list[str] = []
    for node in nodes:
        for attribute in MANDATORY[node.node_class]:
            data = values[node.node_id, attribute]
            is_there = data.StatusCode.is_good() and data.Value is not None and data.Value.Value is not None
            if not is_there and not is_allowed(node, attribute, data):
                found.append(f"{node.path} {attribute.name}: {data.StatusCode.name} {data.Value}")
    return found


def misshapen(nodes: Sequence[Node], values: Values) -> list[str]:
    """Return each Variable whose Value is an array where its ValueRank says scalar, or the other way round."""
    found: list[str] = []
    for node in nodes:
        if node.node_class is ua.NodeClass.Variable and not node.is_declaration:
            value, rank = values[node.node_id, A.Value].Value, values[node.node_id, A.ValueRank].Value.Value
            if value is not None and value.Value is not None and isinstance(value.Value, list) != (rank >= 0):
                found.append(node.path)
    return found


def without_behaviour(nodes: Sequence[Node], values: Values) -> list[str]:
    """Return each Method that says it is executable and is none of those that do something."""
    return [
        node.path
        for node in nodes
        if node.node_class is ua.NodeClass.Method
        and not node.is_declaration
        and values[node.node_id, A.Executable].Value.Value
        and node.path.rpartition("/")[2] not in METHODS
        and "/RoleSet/" not in node.path
    ]


async def test_every_node_there_is_has_what_is_mandatory_and_does_what_it_says(client: Client) -> None:
    nodes = await walk(client)
    counts = Counter(node.node_class for node in nodes)
    assert counts[ua.NodeClass.Variable] > 1_000
    assert counts[ua.NodeClass.DataType] > 300
    values = await read_all(client, nodes)
    assert missing(nodes, values) == []
    assert misshapen(nodes, values) == []
    assert without_behaviour(nodes, values) == []
    abstract = {
        node.path.rpartition("/")[2]
        for node in nodes
        if node.node_class is ua.NodeClass.VariableType and values[node.node_id, A.IsAbstract].Value.Value
    }
    assert abstract == set(ABSTRACT_VARIABLE_TYPES)


async def test_what_is_not_supported_is_not_there(client: Client) -> None:
    items = [ua.ReadValueId(ua.NodeId(getattr(ua.ObjectIds, name)), A.NodeClass) for name in UNSUPPORTED]
    found = await client.uaclient.read(ua.ReadParameters(NodesToRead=items))
    assert {data.StatusCode.name for data in found} == {"BadNodeIdUnknown"}


async def test_the_server_object_says_what_it_is(client: Client) -> None:
    async def value(name: str) -> object:
        return await client.get_node(ua.NodeId(getattr(ua.ObjectIds, f"Server_{name}"))).read_value()

    build = await value("ServerStatus_BuildInfo")
    assert (build.ProductUri, build.ManufacturerName, build.ProductName) == (
        "urn:cstr-gateway",
        "cstr-gateway",
        "cstr-gateway",
    )
    assert build.SoftwareVersion == await value("ServerStatus_BuildInfo_SoftwareVersion") != "1.0pre"
    assert build.BuildDate.year >= 2024
    status = await value("ServerStatus")
    assert status.State == ua.ServerState.Running == await value("ServerStatus_State")
    assert status.StartTime < status.CurrentTime <= await value("ServerStatus_CurrentTime")
    assert status.BuildInfo == build
    assert (await value("NamespaceArray"))[0] == "http://opcfoundation.org/UA/"
    assert (await value("NamespaceArray"))[1] == (await value("ServerArray"))[0]
    assert await value("ServiceLevel") >= 200
    assert await value("ServerRedundancy_RedundancySupport") == ua.RedundancySupport.None_
    assert await value("UrisVersion") > 0
    assert -14 * 60 <= (await value("LocalTime")).Offset <= 14 * 60


async def test_the_capabilities_are_those_of_the_facets(client: Client) -> None:
    capabilities = client.get_node(ua.NodeId(ua.ObjectIds.Server_ServerCapabilities))
    assert await (await capabilities.get_child("0:ServerProfileArray")).read_value() == supported_uris()
    units = await (await capabilities.get_child("0:ConformanceUnits")).read_value()
    assert [unit.Name for unit in units] == supported_units()
    assert await (await capabilities.get_child("0:LocaleIdArray")).read_value() == ["en"]
    assert await (await capabilities.get_child("0:SoftwareCertificates")).read_value() == []
    rules = await (await capabilities.get_child("0:ModellingRules")).get_children()
    assert {(await rule.read_browse_name()).Name for rule in rules} >= {"Mandatory", "Optional", "MandatoryPlaceholder"}
    history = await capabilities.get_child("0:HistoryServerCapabilities")
    assert await (await history.get_child("0:AccessHistoryDataCapability")).read_value() is True
    assert await (await history.get_child("0:InsertAnnotationCapability")).read_value() is False


async def test_the_plants_namespace_is_described(client: Client) -> None:
    namespaces = client.get_node(ua.NodeId(ua.ObjectIds.Server_Namespaces))
    metadata = await namespaces.get_child("2:urn:cstr-gateway:plant")
    assert await metadata.read_type_definition() == ua.NodeId(ua.ObjectIds.NamespaceMetadataType)
    shown = {(await each.read_browse_name()).Name: await each.read_value() for each in await metadata.get_properties()}
    assert shown["NamespaceUri"] == "urn:cstr-gateway:plant"
    assert shown["NamespaceVersion"]
    assert shown["IsNamespaceSubset"] is False
    assert shown["StaticNodeIdTypes"] == shown["StaticNumericNodeIdRange"] == []
    assert shown["StaticStringNodeIdPattern"] == ""
