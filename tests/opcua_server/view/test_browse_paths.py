"""TranslateBrowsePathsToNodeIds, OPC 10000-4 v1.05 §5.9.4."""

from __future__ import annotations

import pytest
from asyncua import ua

from opcua_server.limits import OperationLimits
from opcua_server.nodes import OBJECTS, plant_id
from opcua_server.services import view
from opcua_server.services.view import ViewService

from .requests import (
    FULL,
    HIERARCHICAL,
    ORGANIZES,
    down,
    path,
    status,
)


def targets(views: ViewService, wanted: ua.BrowsePath) -> list[ua.NodeId]:
    (result,) = views.translate(FULL, [wanted])
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
    assert status(next(views.translate(FULL, [path(start, (HIERARCHICAL, True, False, name))]))) == "BadNoMatch"


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
    bad, good = views.translate(FULL, [wanted, path(OBJECTS, *down("2:Plant"))])
    assert (status(bad), bad.Targets) == (code, [])
    assert [target.TargetId for target in good.Targets] == [plant_id("Plant")]


LEAF = path(OBJECTS, *down("2:Plant", "2:Area1", "2:R1299", "2:TIC1299", "2:SP", "0:EngineeringUnits"))
STEPS = 14
"""To the leaf: a node and a match for each of its elements, and another where a part is a notifier, too."""


@pytest.mark.parametrize(("most", "good"), [(3 * STEPS, 3), (3 * STEPS - 1, 2), (STEPS - 1, 0)])
def test_the_paths_of_a_call_are_followed_so_far_and_no_further(
    views: ViewService, monkeypatch: pytest.MonkeyPatch, most: int, good: int
) -> None:
    monkeypatch.setattr(view, "MOST_STEPS", most)
    for _ in range(2):  # the next call begins anew
        results = list(views.translate(FULL, [LEAF] * 5))
        assert [status(result) for result in results] == ["Good"] * good + ["BadQueryTooComplex"] * (5 - good)
        assert [len(result.Targets) for result in results] == [1] * good + [0] * (5 - good)


def test_a_call_with_as_many_paths_as_are_allowed_ends_after_so_many_steps(views: ViewService) -> None:
    results = list(views.translate(FULL, [LEAF] * OperationLimits().max_nodes_per_translate_browse_paths_to_node_ids))
    good = view.MOST_STEPS // STEPS
    assert 1_000 < good < len(results)
    assert [status(result) for result in results] == ["Good"] * good + ["BadQueryTooComplex"] * (len(results) - good)
