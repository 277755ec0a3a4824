"""The View service set, OPC 10000-4 v1.05 §5.9: Browse, BrowseNext, TranslateBrowsePathsToNodeIds, RegisterNodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from asyncua import Client, ua
from asyncua.server.address_space import AddressSpace

from opcua_server import standard_nodes
from opcua_server.address_space import build
from opcua_server.limits import OperationLimits, ServerLimits
from opcua_server.nodes import OBJECTS, NodeBuilder, plant_id, standard_id
from opcua_server.services import view
from opcua_server.services.continuation import ContinuationPoints
from opcua_server.services.view import BrowsePoints, ViewService
from opcua_server.templates import MODEL, use_template
from plant.names import reactor_names

REACTORS = reactor_names(1_200)
AREA = plant_id("Plant.Area1")
ALL = int(ua.BrowseResultMask.All)
HIERARCHICAL = standard_id(ua.ObjectIds.HierarchicalReferences)
HAS_COMPONENT = standard_id(ua.ObjectIds.HasComponent)
AGGREGATES = standard_id(ua.ObjectIds.Aggregates)
ORGANIZES = standard_id(ua.ObjectIds.Organizes)


@pytest.fixture(scope="module")
def space(data: Path) -> AddressSpace:
    address_space = AddressSpace()
    standard_nodes.load(address_space, data)
    build(NodeBuilder(address_space, 100.0), [MODEL])
    use_template(address_space, REACTORS)
    return address_space


@pytest.fixture
def views(space: AddressSpace) -> ViewService:
    return ViewService(space, ServerLimits(OperationLimits(max_nodes_per_browse=20, max_nodes_per_register_nodes=3)))


@pytest.fixture
def points() -> BrowsePoints:
    return ContinuationPoints(3)


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
    (result,) = views.browse(request(wanted), ContinuationPoints(1))
    assert result.StatusCode.is_good(), result.StatusCode
    return result.References


def names(references: list[ua.ReferenceDescription]) -> list[str | None]:
    return [reference.BrowseName.Name for reference in references]


def status(result: ua.BrowseResult | ua.BrowsePathResult) -> str:
    return result.StatusCode.name


def test_a_reactor_is_browsed_both_ways(views: ViewService) -> None:
    down = browse(views, description(plant_id("R150"), reference=HIERARCHICAL))
    assert {"T", "TIC150", "Detector", "Alarms", "Simulation"} <= set(names(down))
    assert all(reference.IsForward for reference in down)
    up = browse(views, description(plant_id("R150.T"), direction=ua.BrowseDirection.Inverse, reference=HIERARCHICAL))
    assert [(reference.NodeId, reference.IsForward) for reference in up] == [
        (plant_id("R150"), False),
        (plant_id("Tags.R150"), False),
    ]
    both = browse(views, description(plant_id("R150.T"), direction=ua.BrowseDirection.Both, reference=HIERARCHICAL))
    assert len(both) == len(up) + len(browse(views, description(plant_id("R150.T"), reference=HIERARCHICAL)))


def test_subtypes_are_followed_only_when_asked(views: ViewService) -> None:
    node = plant_id("R150.T")
    assert browse(views, description(node, reference=HIERARCHICAL, subtypes=False)) == []
    properties = browse(views, description(node, reference=AGGREGATES))
    assert "EURange" in names(properties)
    exact = browse(views, description(AREA, reference=HAS_COMPONENT, subtypes=False))
    assert len(exact) == 1_000  # of 1,200: the server's own bound


def test_node_classes_are_filtered(views: ViewService) -> None:
    objects = browse(views, description(plant_id("R150"), classes=ua.NodeClass.Object))
    assert names(objects) == ["TIC150", "Alarms", "Detector", "Simulation"]
    methods = browse(views, description(plant_id("R150.Simulation"), classes=ua.NodeClass.Method))
    assert names(methods) == ["Inject", "Clear"]
    mixed = browse(views, description(plant_id("R150.Simulation"), classes=ua.NodeClass.Method | ua.NodeClass.Object))
    assert names(mixed) == ["True", "Inject", "Clear"]


@pytest.mark.parametrize(
    ("mask", "field", "value"),
    [
        (1, "ReferenceTypeId", HAS_COMPONENT),
        (2, "IsForward", True),
        (4, "NodeClass", ua.NodeClass.Variable),
        (8, "BrowseName", ua.QualifiedName("T", 2)),
        (16, "DisplayName", ua.LocalizedText("T")),
        (32, "TypeDefinition", standard_id(ua.ObjectIds.AnalogItemType)),
    ],
)
def test_only_fields_asked_for_are_filled(views: ViewService, mask: int, field: str, value: object) -> None:
    wanted = description(plant_id("R150"), reference=HAS_COMPONENT, classes=ua.NodeClass.Variable, mask=mask)
    first = browse(views, wanted)[0]
    empty = ua.ReferenceDescription(NodeId=plant_id("R150.T"), IsForward=False)
    assert getattr(empty, field) != value
    setattr(empty, field, value)
    assert first == empty


def test_pages_follow_each_other_and_end(views: ViewService, points: BrowsePoints) -> None:
    whole = browse(views, description(plant_id("Tags.R150")))
    assert len(whole) > 40
    (result,) = views.browse(request(description(plant_id("Tags.R150")), at_most=7), points)
    pages = [result.References]
    while result.ContinuationPoint is not None:
        assert len(result.References) == 7
        used = result.ContinuationPoint
        (result,) = views.browse_next(proceed(used), points)
        pages.append(result.References)
        assert status(next(views.browse_next(proceed(used), points))) == "BadContinuationPointInvalid"
    assert [reference for page in pages for reference in page] == whole
    assert len(points) == 0


def test_a_page_that_is_just_full_is_the_last(views: ViewService, points: BrowsePoints) -> None:
    (result,) = views.browse(request(description(plant_id("R150.Simulation"), classes=4), at_most=2), points)
    assert names(result.References) == ["Inject", "Clear"]
    assert result.ContinuationPoint is None


def test_the_server_bounds_pages_itself(views: ViewService, points: BrowsePoints) -> None:
    wanted = description(AREA, reference=HAS_COMPONENT)
    for at_most in (0, 5_000):
        (first,) = views.browse(request(wanted, at_most=at_most), points)
        (second,) = views.browse_next(proceed(first.ContinuationPoint), points)
        assert (len(first.References), len(second.References)) == (1_000, 200)
        assert second.ContinuationPoint is None
        assert names([*first.References, *second.References]) == list(REACTORS)


def test_a_response_is_bounded_and_nothing_is_lost(
    views: ViewService, monkeypatch: pytest.MonkeyPatch, points: BrowsePoints
) -> None:
    monkeypatch.setattr(view, "MOST_REFERENCES", 50)
    wanted = description(plant_id("Tags.R150"))
    whole = browse(views, wanted)
    results = list(views.browse(request(wanted, wanted, wanted), points))
    assert sum(len(result.References) for result in results) == 50
    assert results[2].References == []
    rest = next(views.browse_next(proceed(results[1].ContinuationPoint), points))
    assert results[1].References + rest.References == whole
    assert next(views.browse_next(proceed(results[2].ContinuationPoint), points)).References == whole


def test_points_give_way_to_a_new_request_but_not_within_one(views: ViewService, points: BrowsePoints) -> None:
    wanted = description(plant_id("Tags.R150"))
    old = [result.ContinuationPoint for result in views.browse(request(wanted, wanted, at_most=1), points)]
    results = list(
        views.browse(request(wanted, wanted, wanted, wanted, description(AREA, classes=64), at_most=1), points)
    )
    assert [status(result) for result in results] == ["Good", "Good", "Good", "BadNoContinuationPoints", "Good"]
    assert results[3].References == []
    assert len(points) == 3
    assert {status(result) for result in views.browse_next(proceed(*old), points)} == {"BadContinuationPointInvalid"}
    going = [result.ContinuationPoint for result in results[:3]]
    again = list(views.browse_next(proceed(*going), points))
    assert [status(result) for result in again] == ["Good"] * 3
    assert all(result.ContinuationPoint not in going for result in again)


def test_points_are_released_and_belong_to_one_session(views: ViewService, points: BrowsePoints) -> None:
    wanted = description(plant_id("Tags.R150"))
    kept, dropped = (each.ContinuationPoint for each in views.browse(request(wanted, wanted, at_most=1), points))
    assert list(views.browse_next(proceed(dropped, b"unknown", release=True), points)) == []
    assert len(points) == 1
    assert status(next(views.browse_next(proceed(dropped), points))) == "BadContinuationPointInvalid"
    assert status(next(views.browse_next(proceed(kept), ContinuationPoints(3)))) == "BadContinuationPointInvalid"
    twice = list(views.browse_next(proceed(kept, kept, None), points))
    assert [status(result) for result in twice] == ["Good"] + ["BadContinuationPointInvalid"] * 2


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (description(plant_id("R999999")), "BadNodeIdUnknown"),
        (description(ua.NodeId(987654)), "BadNodeIdUnknown"),
        (description(ua.NodeId()), "BadNodeIdInvalid"),
        (description(ua.NodeId("", 0)), "BadNodeIdInvalid"),
        (description(plant_id("x" * 4_097)), "BadNodeIdInvalid"),
        (description(plant_id("x" * 4_096)), "BadNodeIdUnknown"),
        (description(OBJECTS, direction=ua.BrowseDirection.Invalid), "BadBrowseDirectionInvalid"),
        (description(OBJECTS, reference=ua.NodeId(987654)), "BadReferenceTypeIdInvalid"),
        (description(OBJECTS, reference=OBJECTS), "BadReferenceTypeIdInvalid"),
        (description(OBJECTS, reference=plant_id("R101.T"), subtypes=False), "BadReferenceTypeIdInvalid"),
    ],
)
def test_what_is_wrong_with_an_operation_is_its_own_result(
    views: ViewService, points: BrowsePoints, wanted: ua.BrowseDescription, code: str
) -> None:
    bad, good = views.browse(request(wanted, description(OBJECTS)), points)
    assert (status(bad), bad.References, bad.ContinuationPoint) == (code, [], None)
    assert "Plant" in names(good.References)


def path(start: ua.NodeId, *steps: tuple[ua.NodeId, bool, bool, ua.QualifiedName]) -> ua.BrowsePath:
    return ua.BrowsePath(start, ua.RelativePath([ua.RelativePathElement(*step) for step in steps]))


def down(*texts: str) -> list[tuple[ua.NodeId, bool, bool, ua.QualifiedName]]:
    return [(HIERARCHICAL, False, True, ua.QualifiedName.from_string(text)) for text in texts]


def targets(views: ViewService, wanted: ua.BrowsePath) -> list[ua.NodeId]:
    (result,) = views.translate([wanted])
    assert status(result) == "Good"
    assert all(target.RemainingPathIndex == 0xFFFFFFFF for target in result.Targets)
    return [target.TargetId for target in result.Targets]


def test_paths_lead_to_nodes_of_any_reactor(views: ViewService) -> None:
    leaf = path(OBJECTS, *down("2:Plant", "2:Area1", "2:R1299", "2:TIC1299", "2:SP", "0:EngineeringUnits"))
    assert targets(views, leaf) == [plant_id("R1299.TIC1299.SP.EngineeringUnits")]
    assert targets(views, path(plant_id("Tags.R150"), *down("2:SP"))) == [plant_id("R150.TIC150.SP")]


def test_paths_go_up_and_by_exact_or_any_reference_type(views: ViewService) -> None:
    name = ua.QualifiedName("R150", 2)
    start = plant_id("R150.T")
    assert targets(views, path(start, (HIERARCHICAL, True, True, name))) == [plant_id("R150"), plant_id("Tags.R150")]
    assert targets(views, path(start, (ORGANIZES, True, True, name))) == [plant_id("Tags.R150")]
    assert targets(views, path(start, (ua.NodeId(), True, False, name))) == [plant_id("R150"), plant_id("Tags.R150")]
    assert status(next(views.translate([path(start, (HIERARCHICAL, True, False, name))]))) == "BadNoMatch"


def test_a_path_up_and_down_again_finds_each_node_once(views: ViewService) -> None:
    step = [(ua.NodeId(), True, True, ua.QualifiedName("R150", 2)), *down("2:T")]
    both = [plant_id("R150.T"), plant_id("R150.Simulation.True.T")]  # 2:T of R150, and of the flat folder
    assert targets(views, path(plant_id("R150.T"), *step * 40)) == both


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (path(plant_id("R999999"), *down("2:T")), "BadNodeIdUnknown"),
        (path(ua.NodeId(), *down("2:T")), "BadNodeIdInvalid"),
        (path(OBJECTS), "BadNothingToDo"),
        (path(OBJECTS, *down("2:Plant"), (HIERARCHICAL, False, True, ua.QualifiedName())), "BadBrowseNameInvalid"),
        (path(OBJECTS, (HIERARCHICAL, False, True, ua.QualifiedName("", 2)), *down("2:T")), "BadBrowseNameInvalid"),
        (path(OBJECTS, *down("1:Plant")), "BadNoMatch"),
        (path(OBJECTS, *down("2:Plant", "2:Area1", "2:R1")), "BadNoMatch"),
        (path(OBJECTS, (OBJECTS, False, True, ua.QualifiedName("Plant", 2))), "BadNoMatch"),
    ],
)
def test_what_is_wrong_with_a_path_is_its_own_result(views: ViewService, wanted: ua.BrowsePath, code: str) -> None:
    bad, good = views.translate([wanted, path(OBJECTS, *down("2:Plant"))])
    assert (status(bad), bad.Targets) == (code, [])
    assert [target.TargetId for target in good.Targets] == [plant_id("Plant")]


def test_nodes_are_registered_as_they_are(views: ViewService) -> None:
    wanted = [plant_id("R101.T"), plant_id("R999999.T"), ua.NodeId()]
    assert views.register(wanted) == wanted
    views.unregister(wanted)
    with pytest.raises(ua.uaerrors.BadNodeIdInvalid):
        views.register([plant_id("R101.T"), plant_id("x" * 4_097)])


@pytest.mark.parametrize(
    "call",
    [
        lambda views, count: views.browse(request(*[description(OBJECTS)] * count), ContinuationPoints(9)),
        lambda views, count: views.browse_next(proceed(*[b"x"] * count), ContinuationPoints(9)),
        lambda views, count: views.browse_next(proceed(*[b"x"] * count, release=True), ContinuationPoints(9)),
        lambda views, count: views.translate([path(OBJECTS, *down("2:Plant"))] * count),
        lambda views, count: views.register([OBJECTS] * count),
        lambda views, count: views.unregister([OBJECTS] * count),
    ],
    ids=["Browse", "BrowseNext", "release", "Translate", "Register", "Unregister"],
)
def test_calls_have_at_least_one_operation_and_not_too_many(
    space: AddressSpace, call: Callable[[ViewService, int], object]
) -> None:
    few = OperationLimits(
        max_nodes_per_browse=2, max_nodes_per_register_nodes=2, max_nodes_per_translate_browse_paths_to_node_ids=2
    )
    views = ViewService(space, ServerLimits(few))
    call(views, 2)
    with pytest.raises(ua.uaerrors.BadNothingToDo):
        call(views, 0)
    with pytest.raises(ua.uaerrors.BadTooManyOperations):
        call(views, 3)


def test_there_are_no_views(views: ViewService, points: BrowsePoints) -> None:
    wanted = request(description(OBJECTS))
    wanted.View.ViewId = OBJECTS
    with pytest.raises(ua.uaerrors.BadViewIdUnknown):
        views.browse(wanted, points)


async def test_a_client_browses_by_these_rules(client: Client) -> None:
    with pytest.raises(ua.uaerrors.BadNothingToDo):
        await client.uaclient.browse(request())
    (page,) = await client.uaclient.browse(request(description(plant_id("Tags.R101"), mask=8), at_most=5))
    assert len(page.References) == 5
    assert page.References[0].BrowseName.Name is not None
    assert page.References[0].DisplayName.Text is None
    assert len(page.ContinuationPoint) == 16
    (unknown,) = await client.uaclient.translate_browsepaths_to_nodeids([path(OBJECTS, *down("2:Nothing"))])
    assert status(unknown) == "BadNoMatch"
