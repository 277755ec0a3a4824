"""View service set: Browse, BrowseNext, Translate, Register (OPC 10000-4 v1.05 §5.9)."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua

from .services import SP, NodeName, names, node, put, read
from .wire import Session

HIERARCHICAL = ua.NodeId(ua.ObjectIds.HierarchicalReferences)
HAS_COMPONENT = ua.NodeId(ua.ObjectIds.HasComponent)
HAS_PROPERTY = ua.NodeId(ua.ObjectIds.HasProperty)
Direction = ua.BrowseDirection


def description(name: NodeName = "R101", **fields: Any) -> ua.BrowseDescription:
    wanted = {
        "NodeId": node(name),
        "BrowseDirection": Direction.Forward,
        "ReferenceTypeId": HIERARCHICAL,
        "IncludeSubtypes": True,
        "NodeClassMask": 0,
        "ResultMask": 63,
    }
    return ua.BrowseDescription(**{**wanted, **fields})


def browse_request(*wanted: ua.BrowseDescription, most: int = 0, view: ua.NodeId | None = None) -> ua.BrowseRequest:
    described = ua.ViewDescription(ViewId=view or ua.NodeId())
    return ua.BrowseRequest(Parameters=ua.BrowseParameters(described, most, list(wanted)))


async def browse(session: Session, *wanted: ua.BrowseDescription, **options: Any) -> list[ua.BrowseResult]:
    return list((await session.call(browse_request(*wanted, **options))).Results)


async def browse_next(session: Session, *points: bytes, release: bool = False) -> list[ua.BrowseResult]:
    request = ua.BrowseNextRequest(Parameters=ua.BrowseNextParameters(release, list(points)))
    return list((await session.call(request)).Parameters.Results)


def targets(result: ua.BrowseResult) -> list[ua.NodeId]:
    return [ua.NodeId(each.NodeId.Identifier, each.NodeId.NamespaceIndex) for each in result.References]


# ---------------------------------------------------------------- continuation points


async def test_pages_hold_what_was_asked_and_together_everything_once(session: Session) -> None:
    (whole,) = await browse(session, description())
    assert not whole.ContinuationPoint
    assert len(targets(whole)) >= 10
    (page,) = await browse(session, description(), most=3)
    found = targets(page)
    assert len(found) == 3
    while page.ContinuationPoint:
        (page,) = await browse_next(session, page.ContinuationPoint)
        assert 1 <= len(targets(page)) <= 3
        found += targets(page)
    assert found == targets(whole)


async def test_a_page_that_is_exactly_full_is_the_last(session: Session) -> None:
    (whole,) = await browse(session, description())
    (page,) = await browse(session, description(), most=len(targets(whole)))
    assert targets(page) == targets(whole)
    assert not page.ContinuationPoint


async def test_a_continuation_point_is_used_once(session: Session) -> None:
    (page,) = await browse(session, description(), most=3)
    (second,) = await browse_next(session, page.ContinuationPoint)
    assert second.StatusCode.is_good()
    if second.ContinuationPoint != page.ContinuationPoint:
        (again,) = await browse_next(session, page.ContinuationPoint)
        assert again.StatusCode.name == "BadContinuationPointInvalid"


async def test_a_released_continuation_point_is_gone(session: Session) -> None:
    (page,) = await browse(session, description(), most=3)
    assert page.ContinuationPoint
    for released in await browse_next(session, page.ContinuationPoint, release=True):  # none, says the clause
        assert released.StatusCode.is_good()
        assert not released.References
    (gone,) = await browse_next(session, page.ContinuationPoint)
    assert gone.StatusCode.name == "BadContinuationPointInvalid"


async def test_a_continuation_point_is_its_sessions(session: Session, other: Session) -> None:
    (page,) = await browse(session, description(), most=3)
    (stolen,) = await browse_next(other, page.ContinuationPoint)
    assert stolen.StatusCode.name == "BadContinuationPointInvalid"
    (mine,) = await browse_next(session, page.ContinuationPoint)
    assert mine.StatusCode.is_good()


async def test_continuation_points_are_bounded(session: Session) -> None:
    """Beyond as many as the server says, a node is answered without one, or older ones are gone."""
    (said,) = await read(session, ua.NodeId(ua.ObjectIds.Server_ServerCapabilities_MaxBrowseContinuationPoints))
    most = said.Value.Value
    assert 1 <= most <= 10_000
    pages: list[ua.BrowseResult] = []
    while len(pages) <= most:
        pages += await browse(session, *[description()] * min(100, most + 1 - len(pages)), most=1)
    refused = [page for page in pages if page.StatusCode.name == "BadNoContinuationPoints"]
    if not refused:
        (oldest,) = await browse_next(session, pages[0].ContinuationPoint)
        assert oldest.StatusCode.name == "BadContinuationPointInvalid"


async def test_each_continuation_point_gets_its_answer(session: Session) -> None:
    (page,) = await browse(session, description(), most=3)
    found = await browse_next(session, b"nobody's", page.ContinuationPoint)
    assert names(each.StatusCode for each in found) == ["BadContinuationPointInvalid", "Good"]


# ---------------------------------------------------------------- filters


async def test_only_the_node_classes_asked_for_are_returned(session: Session) -> None:
    for mask in (ua.NodeClass.Object, ua.NodeClass.Variable):
        (found,) = await browse(session, description(NodeClassMask=int(mask)))
        assert found.References
        assert {each.NodeClass for each in found.References} == {mask}


async def test_only_the_fields_asked_for_are_returned(session: Session) -> None:
    (found,) = await browse(session, description(ResultMask=int(ua.BrowseResultMask.BrowseName)))
    for each in found.References:
        assert each.BrowseName.Name
        assert not each.DisplayName.Text
        assert each.ReferenceTypeId == ua.NodeId()
        assert each.NodeClass == 0
        assert ua.NodeId(each.TypeDefinition.Identifier) == ua.NodeId()
    (found,) = await browse(session, description(ResultMask=63))
    assert all(each.DisplayName.Text and each.NodeClass and each.IsForward for each in found.References)
    assert all(each.ReferenceTypeId != ua.NodeId() for each in found.References)


async def test_the_type_definition_is_returned_of_objects_and_variables(session: Session) -> None:
    (found,) = await browse(session, description())
    assert all(each.TypeDefinition.Identifier for each in found.References)


async def test_references_are_followed_in_the_direction_asked(session: Session) -> None:
    (found,) = await browse(session, description("R101.TIC101.SP", BrowseDirection=Direction.Inverse))
    assert node("R101.TIC101") in targets(found)
    assert not any(each.IsForward for each in found.References)
    (both,) = await browse(session, description("R101.TIC101", BrowseDirection=Direction.Both))
    assert {each.IsForward for each in both.References} == {True, False}


async def test_a_reference_type_is_taken_with_or_without_its_subtypes(session: Session) -> None:
    (exact,) = await browse(session, description(ReferenceTypeId=HAS_COMPONENT, IncludeSubtypes=False))
    assert exact.References
    assert {each.ReferenceTypeId for each in exact.References} == {HAS_COMPONENT}
    (none,) = await browse(session, description(IncludeSubtypes=False))
    assert not none.References
    (every,) = await browse(session, description(ReferenceTypeId=ua.NodeId()))
    assert len(every.References) > len(exact.References)
    (properties,) = await browse(session, description("R101.T", ReferenceTypeId=HAS_PROPERTY))
    assert node("R101.T.EURange") in targets(properties)


async def test_each_node_gets_its_answer(session: Session) -> None:
    found = await browse(
        session,
        description("R999"),
        description(ReferenceTypeId=ua.NodeId("nothing", 2)),
        description(ReferenceTypeId=node("R101")),
        description(),
        description("R101.TIC101.SP.Nothing"),
    )
    bad_type, unknown = "BadReferenceTypeIdInvalid", "BadNodeIdUnknown"
    assert names(each.StatusCode for each in found) == [unknown, bad_type, bad_type, "Good", unknown]


async def test_an_unknown_view_is_refused(session: Session) -> None:
    assert await session.refused(browse_request(description(), view=ua.NodeId("no view", 2))) == "BadViewIdUnknown"


@pytest.mark.parametrize("direction", [Direction.Invalid, -1, 7])
async def test_an_impossible_direction_is_refused(session: Session, direction: ua.BrowseDirection) -> None:
    found = await browse(session, description(), description(BrowseDirection=direction), description())
    assert names(each.StatusCode for each in found) == ["Good", "BadBrowseDirectionInvalid", "Good"]


async def test_browsing_from_the_root_finds_the_plant_and_every_node_browsed_can_be_read(session: Session) -> None:
    seen: set[ua.NodeId] = set()
    waiting = [ua.NodeId(ua.ObjectIds.ObjectsFolder)]
    while waiting:
        batch, waiting = waiting[:50], waiting[50:]
        for result in await browse(session, *(description(each) for each in batch)):
            assert result.StatusCode.is_good()
            new = [each for each in targets(result) if each.NamespaceIndex == 2 and each not in seen]
            seen.update(new)
            waiting += new
    assert {node("R101.T"), node("R102.TIC102.SP")} <= seen
    ids = [ua.ReadValueId(NodeId=each, AttributeId=ua.AttributeIds.NodeId) for each in seen]
    found = await read(session, *ids)
    assert {data.Value.Value for data in found} == seen


# ---------------------------------------------------------------- TranslateBrowsePathsToNodeIds


def path(*elements: ua.QualifiedName, start: NodeName = "R101", **fields: Any) -> ua.BrowsePath:
    wanted = {"ReferenceTypeId": HIERARCHICAL, "IsInverse": False, "IncludeSubtypes": True, **fields}
    relative = [ua.RelativePathElement(**wanted, TargetName=element) for element in elements]
    return ua.BrowsePath(node(start), ua.RelativePath(relative))


async def translate(session: Session, *paths: ua.BrowsePath) -> list[ua.BrowsePathResult]:
    parameters = ua.TranslateBrowsePathsToNodeIdsParameters(list(paths))
    return list((await session.call(ua.TranslateBrowsePathsToNodeIdsRequest(Parameters=parameters))).Results)


async def test_each_path_gets_its_answer(session: Session) -> None:
    sp = [ua.QualifiedName("TIC101", 2), ua.QualifiedName("SP", 2)]
    found = await translate(
        session,
        path(*sp),
        path(ua.QualifiedName("T", 0)),
        path(ua.QualifiedName("Nothing", 2)),
        path(*sp, start="R999"),
        path(),
        path(ua.QualifiedName()),
        path(ua.QualifiedName("T", 2), ReferenceTypeId=ua.NodeId("nothing", 2)),
        path(ua.QualifiedName("EURange", 0), start="R101.T"),
    )
    first = found[0].Targets[0]
    assert ua.NodeId(first.TargetId.Identifier, first.TargetId.NamespaceIndex) == node(SP)
    assert first.RemainingPathIndex == 2**32 - 1
    expected = ["Good", "BadNoMatch", "BadNoMatch", "BadNodeIdUnknown", "BadNothingToDo", "BadBrowseNameInvalid"]
    got = names(each.StatusCode for each in found)
    assert got[:6] == expected
    assert got[6] in ("BadReferenceTypeIdInvalid", "BadNoMatch")
    assert got[7] == "Good"


async def test_a_path_can_go_backwards(session: Session) -> None:
    (found,) = await translate(session, path(ua.QualifiedName("TIC101", 2), start=SP, IsInverse=True))
    assert found.StatusCode.is_good()
    assert node("R101.TIC101") in [ua.NodeId(each.TargetId.Identifier, 2) for each in found.Targets]


# ---------------------------------------------------------------- RegisterNodes


async def test_registered_nodes_are_used_like_any_other_and_can_be_unregistered(session: Session) -> None:
    await put(session, SP, 320.0)
    request = ua.RegisterNodesRequest(Parameters=ua.RegisterNodesParameters([node(SP), node("R101.T")]))
    registered = (await session.call(request)).Parameters.RegisteredNodeIds
    assert len(registered) == 2
    assert (await read(session, registered[0]))[0].Value.Value == 320.0
    done = ua.UnregisterNodesRequest(Parameters=ua.UnregisterNodesParameters(registered))
    assert await session.refused(done) == "Good"


@pytest.mark.parametrize("nodes", [[ua.NodeId()], [ua.NodeId("R999", 2)]], ids=["null", "unknown"])
async def test_unknown_nodes_are_registered_without_a_word_or_refused(session: Session, nodes: list[ua.NodeId]) -> None:
    """The server need not validate; what it returns is then as unknown as before."""
    answer = ua.RegisterNodesRequest(Parameters=ua.RegisterNodesParameters(nodes))
    refused = await session.refused(answer)
    assert refused in ("Good", "BadNodeIdUnknown", "BadNodeIdInvalid")
