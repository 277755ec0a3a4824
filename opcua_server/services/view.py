"""View service set (OPC 10000-4 v1.05 §5.9).

asyncua's Browse ignores the maximum of references, the View and permissions, BrowseNext it does not have, and an empty
path fails its whole Translate call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, TypeAlias

from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeData

from opcua_server.access.rights import Rights
from opcua_server.limits import ServerLimits, require
from opcua_server.nodes import standard_id
from opcua_server.services.continuation import ContinuationPoints
from opcua_server.status import status_code

MOST_REFERENCES_PER_NODE = 1_000
"""In one result, whatever the client asks for; the rest is one BrowseNext away."""
MOST_REFERENCES = 20_000
"""In one response, so that none is larger than a client takes or holds the scan up."""
MOST_MATCHES = 10_000
"""Of one browse path; §5.9.4.4 wants at least 10."""
MOST_STEPS = 100_000
"""Nodes and matches on all browse paths of one call."""
LONGEST_IDENTIFIER = 4_096
"""Characters or bytes (OPC 10000-3 v1.05 §8.2.4)."""
WHOLE_PATH = 0xFFFF_FFFF
"""RemainingPathIndex of a path that was followed to its end."""

_HAS_SUBTYPE = standard_id(ua.ObjectIds.HasSubtype)
_DIRECTIONS: dict[int, tuple[bool, ...]] = {
    ua.BrowseDirection.Forward: (True,),
    ua.BrowseDirection.Inverse: (False,),
    ua.BrowseDirection.Both: (True, False),
}

References: TypeAlias = Iterator[ua.ReferenceDescription]
BrowsePoints: TypeAlias = ContinuationPoints[tuple[References, int]]
"""The references not yet returned, and how many a result may hold."""


class ViewService:
    """Answers from an address space whose ReferenceTypes do not change any more."""

    def __init__(self, address_space: AddressSpace, limits: ServerLimits) -> None:
        self._space = address_space
        self._limits = limits
        self._subtypes: dict[ua.NodeId, frozenset[ua.NodeId]] = {}

    def browse(self, rights: Rights, params: ua.BrowseParameters, points: BrowsePoints) -> Iterator[ua.BrowseResult]:
        """Yield each node's references to what the session sees, the first ones where there are many (§5.9.2).

        Raises:
            ua.UaStatusCodeError: the Bad code of the whole call.
        """
        operations = params.NodesToBrowse or []
        require(len(operations), self._limits.operations.max_nodes_per_browse)
        if not params.View.ViewId.is_null():
            raise ua.uaerrors.BadViewIdUnknown  # there are no Views
        page = min(params.RequestedMaxReferencesPerNode or MOST_REFERENCES_PER_NODE, MOST_REFERENCES_PER_NODE)
        response = _Response(points)
        return (self._browse(rights, operation, page, response) for operation in operations)

    def browse_next(self, params: ua.BrowseNextParameters, points: BrowsePoints) -> Iterator[ua.BrowseResult]:
        """Yield what comes next at each continuation point, or forget them all (§5.9.3).

        Raises:
            ua.UaStatusCodeError: the Bad code of the whole call.
        """
        asked = params.ContinuationPoints or []
        require(len(asked), self._limits.operations.max_nodes_per_browse)
        rests = [points.take(point) for point in asked]
        if params.ReleaseContinuationPoints:
            return iter(())
        response = _Response(points)
        return (
            response.result(*rest) if rest is not None else _failed(ua.StatusCodes.BadContinuationPointInvalid)
            for rest in rests
        )

    def translate(self, rights: Rights, paths: Sequence[ua.BrowsePath]) -> Iterator[ua.BrowsePathResult]:
        """Follow browse paths (§5.9.4).

        Raises:
            ua.UaStatusCodeError: the Bad code of the whole call.
        """
        require(len(paths or []), self._limits.operations.max_nodes_per_translate_browse_paths_to_node_ids)
        walk = _Walk(rights)
        return (self._translate(path, walk) for path in paths)

    def register(self, nodes: Sequence[ua.NodeId]) -> list[ua.NodeId]:
        """Return the NodeIds as they are, known or not: none is faster than another (§5.9.5).

        Raises:
            ua.UaStatusCodeError: the Bad code of the whole call.
        """
        require(len(nodes or []), self._limits.operations.max_nodes_per_register_nodes)
        if any(_is_malformed(node) for node in nodes):
            raise ua.uaerrors.BadNodeIdInvalid
        return list(nodes)

    def unregister(self, nodes: Sequence[ua.NodeId]) -> None:
        """Forget registered nodes, of which nothing is kept (§5.9.6).

        Raises:
            ua.UaStatusCodeError: the Bad code of the whole call.
        """
        require(len(nodes or []), self._limits.operations.max_nodes_per_register_nodes)

    def _browse(
        self, rights: Rights, operation: ua.BrowseDescription, page: int, response: _Response
    ) -> ua.BrowseResult:
        if operation.NodeId.is_null() or _is_malformed(operation.NodeId):
            return _failed(ua.StatusCodes.BadNodeIdInvalid)
        node = self._space.get(operation.NodeId)
        if node is None or not rights.sees(operation.NodeId):
            return _failed(ua.StatusCodes.BadNodeIdUnknown)
        directions = _DIRECTIONS.get(operation.BrowseDirection)
        if directions is None:
            return _failed(ua.StatusCodes.BadBrowseDirectionInvalid)
        types = None
        if not operation.ReferenceTypeId.is_null():
            types = self._types(operation.ReferenceTypeId, bool(operation.IncludeSubtypes))
            if types is None:
                return _failed(ua.StatusCodes.BadReferenceTypeIdInvalid)
        found = _filtered(rights, node.references, directions, types, operation.NodeClassMask)
        return response.result(_masked(found, operation.ResultMask), page)

    def _types(self, reference_type: ua.NodeId, with_subtypes: bool) -> frozenset[ua.NodeId] | None:
        """Return the ReferenceTypes meant; None when this is none."""
        subtypes = self._subtypes.get(reference_type)
        if subtypes is None:
            node = self._space.get(reference_type)
            if node is None or _node_class(node) != ua.NodeClass.ReferenceType:
                return None
            subtypes = self._subtypes[reference_type] = frozenset(self._descendants(node))
        return subtypes if with_subtypes else frozenset([reference_type])

    def _descendants(self, node: NodeData) -> Iterator[ua.NodeId]:
        yield node.nodeid
        for reference in node.references:
            if reference.IsForward and reference.ReferenceTypeId == _HAS_SUBTYPE:
                yield from self._descendants(self._space[reference.NodeId])

    def _translate(self, path: ua.BrowsePath, walk: _Walk) -> ua.BrowsePathResult:
        start, elements = path.StartingNode, path.RelativePath.Elements or []
        if start.is_null() or _is_malformed(start):
            return _no_path(ua.StatusCodes.BadNodeIdInvalid)
        if start not in self._space or not walk.rights.sees(start):
            return _no_path(ua.StatusCodes.BadNodeIdUnknown)
        if not elements:
            return _no_path(ua.StatusCodes.BadNothingToDo)
        if not all(element.TargetName.Name for element in elements):
            return _no_path(ua.StatusCodes.BadBrowseNameInvalid)
        targets = [start]
        for element in elements:
            # Each node once: paths up and down again would else double with every element.
            targets = list(dict.fromkeys(chain.from_iterable(self._step(node, element, walk) for node in targets)))
        if walk.left < 0:
            return _no_path(ua.StatusCodes.BadQueryTooComplex)
        if not targets:
            return _no_path(ua.StatusCodes.BadNoMatch)
        if len(targets) > MOST_MATCHES:
            return _no_path(ua.StatusCodes.BadTooManyMatches)
        return ua.BrowsePathResult(
            Targets=[
                ua.BrowsePathTarget(TargetId=target, RemainingPathIndex=ua.UInt32(WHOLE_PATH)) for target in targets
            ]
        )

    def _step(self, source: ua.NodeId, element: ua.RelativePathElement, walk: _Walk) -> Iterator[ua.NodeId]:
        """Yield the targets of one element, none when the call has gone far enough."""
        names = walk.names
        if source not in names:
            node = self._space.get(source)
            names[source] = {}
            for reference in node.references if node is not None else ():
                name = (reference.BrowseName.NamespaceIndex, reference.BrowseName.Name)
                names[source].setdefault(name, []).append(reference)
        types = None
        if not element.ReferenceTypeId.is_null():
            types = self._types(element.ReferenceTypeId, bool(element.IncludeSubtypes))
            if types is None:
                return
        wanted = (element.TargetName.NamespaceIndex, element.TargetName.Name)
        found = names[source].get(wanted, ())
        walk.left -= 1 + len(found)
        if walk.left < 0:
            return
        for reference in found:
            if (
                reference.IsForward != element.IsInverse
                and (types is None or reference.ReferenceTypeId in types)
                and walk.rights.sees(reference.NodeId)
            ):
                yield reference.NodeId


class _Walk:
    """How far one Translate call may still go, and its own index, so that big folders are read once."""

    def __init__(self, rights: Rights) -> None:
        self.rights = rights
        self.names: dict[ua.NodeId, dict[tuple[int, str | None], list[ua.ReferenceDescription]]] = {}
        """References of nodes by BrowseName."""
        self.left = MOST_STEPS


class _Response:
    """The results of one call, which share continuation points and a number of references."""

    def __init__(self, points: BrowsePoints) -> None:
        self._points = points
        self._room = MOST_REFERENCES
        self._used = 0
        """Continuation points."""

    def result(self, references: References, page: int) -> ua.BrowseResult:
        """Return as many references as there is room for, and a continuation point where there are more."""
        shown = list(islice(references, min(page, self._room)))
        following = next(references, None)
        point = None
        if following is not None:
            point = self._points.put((chain([following], references), page), self._used)
            if point is None:
                return _failed(ua.StatusCodes.BadNoContinuationPoints)
            self._used += 1
        self._room -= len(shown)
        return ua.BrowseResult(ContinuationPoint=point, References=shown)


def _filtered(
    rights: Rights,
    references: Iterable[ua.ReferenceDescription],
    directions: tuple[bool, ...],
    types: frozenset[ua.NodeId] | None,
    node_classes: int,
) -> References:
    for reference in references:
        if (
            reference.IsForward in directions
            and (not node_classes or reference.NodeClass & node_classes)
            and (types is None or reference.ReferenceTypeId in types)
            and rights.sees(reference.NodeId)
        ):
            yield reference


def _masked(references: References, mask: int) -> References:
    """Yield the references with the fields that were asked for, null elsewhere."""
    if mask & ua.BrowseResultMask.All == ua.BrowseResultMask.All:
        yield from references
        return
    asked = ua.BrowseResultMask
    for reference in references:
        shown = ua.ReferenceDescription(NodeId=reference.NodeId, IsForward=False)
        if mask & asked.ReferenceTypeId:
            shown.ReferenceTypeId = reference.ReferenceTypeId
        if mask & asked.IsForward:
            shown.IsForward = reference.IsForward
        if mask & asked.NodeClass:
            shown.NodeClass = reference.NodeClass
        if mask & asked.BrowseName:
            shown.BrowseName = reference.BrowseName
        if mask & asked.DisplayName:
            shown.DisplayName = reference.DisplayName
        if mask & asked.TypeDefinition:
            shown.TypeDefinition = reference.TypeDefinition
        yield shown


def _is_malformed(node: ua.NodeId) -> bool:
    return isinstance(node.Identifier, (str, bytes)) and len(node.Identifier) > LONGEST_IDENTIFIER


def _node_class(node: NodeData) -> int:
    data: Any = node.attributes[ua.AttributeIds.NodeClass].value
    return int(data.Value.Value)


def _failed(code: int) -> ua.BrowseResult:
    return ua.BrowseResult(StatusCode=status_code(code))


def _no_path(code: int) -> ua.BrowsePathResult:
    return ua.BrowsePathResult(StatusCode=status_code(code))
