"""Requests of the View service set, and what is read from their answers."""

from __future__ import annotations

from asyncua import ua
from prometheus_client import CollectorRegistry

from opcua_server.access.policies import Policies
from opcua_server.access.rights import Rights
from opcua_server.access.roles import ALL_ROLES
from opcua_server.nodes import plant_id, standard_id
from opcua_server.services.continuation import ContinuationPoints
from opcua_server.services.view import ViewService
from opcua_server.tags import Tags
from plant.names import reactor_names

REACTORS = reactor_names(1_200)
AREA = plant_id("Plant.Area1")
FULL = Rights(ALL_ROLES, None, Policies(Tags((), CollectorRegistry())))
ALL = int(ua.BrowseResultMask.All)
HIERARCHICAL = standard_id(ua.ObjectIds.HierarchicalReferences)
HAS_COMPONENT = standard_id(ua.ObjectIds.HasComponent)
AGGREGATES = standard_id(ua.ObjectIds.Aggregates)
ORGANIZES = standard_id(ua.ObjectIds.Organizes)


def description(
    node: ua.NodeId,
    *,
    direction: ua.BrowseDirection = ua.BrowseDirection.Forward,
    reference: ua.NodeId | None = None,
    subtypes: bool = True,
    classes: int = 0,
    mask: int = ALL,
) -> ua.BrowseDescription:
    return ua.BrowseDescription(node, direction, reference or ua.NodeId(), subtypes, classes, mask)


def request(*descriptions: ua.BrowseDescription, at_most: int = 0) -> ua.BrowseParameters:
    return ua.BrowseParameters(RequestedMaxReferencesPerNode=at_most, NodesToBrowse=list(descriptions))


def proceed(*points: bytes | None, release: bool = False) -> ua.BrowseNextParameters:
    return ua.BrowseNextParameters(ReleaseContinuationPoints=release, ContinuationPoints=list(points))


def browse(views: ViewService, wanted: ua.BrowseDescription) -> list[ua.ReferenceDescription]:
    (result,) = views.browse(FULL, request(wanted), ContinuationPoints(1))
    assert result.StatusCode.is_good(), result.StatusCode
    return result.References


def names(references: list[ua.ReferenceDescription]) -> list[str | None]:
    return [reference.BrowseName.Name for reference in references]


def status(result: ua.BrowseResult | ua.BrowsePathResult) -> str:
    return result.StatusCode.name


def path(start: ua.NodeId, *steps: tuple[ua.NodeId, bool, bool, ua.QualifiedName]) -> ua.BrowsePath:
    return ua.BrowsePath(start, ua.RelativePath([ua.RelativePathElement(*step) for step in steps]))


def down(*texts: str) -> list[tuple[ua.NodeId, bool, bool, ua.QualifiedName]]:
    return [(HIERARCHICAL, False, True, ua.QualifiedName.from_string(text)) for text in texts]
