"""Browse and BrowseNext, OPC 10000-4 v1.05 §5.9.2, §5.9.3."""

from __future__ import annotations

import pytest
from asyncua import ua

from opcua_server.nodes import OBJECTS, plant_id, standard_id
from opcua_server.services import view
from opcua_server.services.continuation import ContinuationPoints
from opcua_server.services.view import BrowsePoints, ViewService

from .requests import (
    AGGREGATES,
    AREA,
    FULL,
    HAS_COMPONENT,
    HIERARCHICAL,
    REACTORS,
    browse,
    description,
    names,
    proceed,
    request,
    status,
)


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
    assert names(objects) == ["Events", "TIC150", "Alarms", "Detector", "Simulation"]
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
    (result,) = views.browse(FULL, request(description(plant_id("Tags.R150")), at_most=7), points)
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
    (result,) = views.browse(FULL, request(description(plant_id("R150.Simulation"), classes=4), at_most=2), points)
    assert names(result.References) == ["Inject", "Clear"]
    assert result.ContinuationPoint is None


def test_the_server_bounds_pages_itself(views: ViewService, points: BrowsePoints) -> None:
    wanted = description(AREA, reference=HAS_COMPONENT)
    for at_most in (0, 5_000):
        (first,) = views.browse(FULL, request(wanted, at_most=at_most), points)
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
    results = list(views.browse(FULL, request(wanted, wanted, wanted), points))
    assert sum(len(result.References) for result in results) == 50
    assert results[2].References == []
    rest = next(views.browse_next(proceed(results[1].ContinuationPoint), points))
    assert results[1].References + rest.References == whole
    assert next(views.browse_next(proceed(results[2].ContinuationPoint), points)).References == whole


def test_points_give_way_to_a_new_request_but_not_within_one(views: ViewService, points: BrowsePoints) -> None:
    wanted = description(plant_id("Tags.R150"))
    old = [result.ContinuationPoint for result in views.browse(FULL, request(wanted, wanted, at_most=1), points)]
    results = list(
        views.browse(FULL, request(wanted, wanted, wanted, wanted, description(AREA, classes=64), at_most=1), points)
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
    kept, dropped = (each.ContinuationPoint for each in views.browse(FULL, request(wanted, wanted, at_most=1), points))
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
    bad, good = views.browse(FULL, request(wanted, description(OBJECTS)), points)
    assert (status(bad), bad.References, bad.ContinuationPoint) == (code, [], None)
    assert "Plant" in names(good.References)


def test_there_are_no_views(views: ViewService, points: BrowsePoints) -> None:
    wanted = request(description(OBJECTS))
    wanted.View.ViewId = OBJECTS
    with pytest.raises(ua.uaerrors.BadViewIdUnknown):
        views.browse(FULL, wanted, points)
