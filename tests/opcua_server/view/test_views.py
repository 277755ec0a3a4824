"""RegisterNodes, OPC 10000-4 v1.05 §5.9.5; what all View services have in common."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from asyncua import Client, ua
from asyncua.server.address_space import AddressSpace

from opcua_server.limits import OperationLimits, ServerLimits
from opcua_server.nodes import OBJECTS, plant_id
from opcua_server.services.continuation import ContinuationPoints
from opcua_server.services.view import ViewService

from .requests import (
    FULL,
    description,
    down,
    path,
    proceed,
    request,
    status,
)


def test_nodes_are_registered_as_they_are(views: ViewService) -> None:
    wanted = [plant_id("R101.T"), plant_id("R999999.T"), ua.NodeId()]
    assert views.register(wanted) == wanted
    views.unregister(wanted)
    with pytest.raises(ua.uaerrors.BadNodeIdInvalid):
        views.register([plant_id("R101.T"), plant_id("x" * 4_097)])


@pytest.mark.parametrize(
    "call",
    [
        lambda views, count: views.browse(FULL, request(*[description(OBJECTS)] * count), ContinuationPoints(9)),
        lambda views, count: views.browse_next(proceed(*[b"x"] * count), ContinuationPoints(9)),
        lambda views, count: views.browse_next(proceed(*[b"x"] * count, release=True), ContinuationPoints(9)),
        lambda views, count: views.translate(FULL, [path(OBJECTS, *down("2:Plant"))] * count),
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
