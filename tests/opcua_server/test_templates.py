"""Nodes made from the template are those that an eager builder would have made, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeData

from opcua_server import standard_nodes
from opcua_server.address_space import build
from opcua_server.nodes import NodeBuilder, plant_id
from opcua_server.templates import MODEL, ReactorNodes

from .conftest import templated_space

REACTORS = ("R101", "R102", "R1099")


@pytest.fixture(scope="module")
def eager(data: Path) -> AddressSpace:
    space = AddressSpace()
    standard_nodes.load(space, data)
    build(NodeBuilder(space, 100.0), REACTORS)
    return space


@pytest.fixture(scope="module")
def templated(data: Path) -> AddressSpace:
    return templated_space(data, REACTORS)


def seen(node: NodeData) -> tuple[ua.NodeId, dict[ua.AttributeIds, Any], list[ua.ReferenceDescription]]:
    """Return what a client can see of a node, except when it was made."""
    values = {name: attribute.value for name, attribute in node.attributes.items()}
    return node.nodeid, {name: (data.Value, data.StatusCode) for name, data in values.items()}, node.references


def test_every_node_attribute_and_reference_is_what_the_builder_makes(
    eager: AddressSpace, templated: AddressSpace
) -> None:
    assert set(templated.keys()) == set(eager.keys())
    assert len(templated.keys()) == len(eager.keys())
    for key in eager.keys():  # noqa: SIM118 - an AddressSpace cannot be iterated
        assert key in templated
        assert seen(templated[key]) == seen(eager[key])
        assert templated.get(key) is not None


def test_values_are_read_by_the_same_way(eager: AddressSpace, templated: AddressSpace) -> None:
    for path in ("R102.T.EURange", "R1099.TIC1099.SP.Definition", "R101.Ca.EngineeringUnits", "R101.T"):
        read = templated.read_attribute_value(plant_id(path), ua.AttributeIds.Value)
        assert read.Value == eager.read_attribute_value(plant_id(path), ua.AttributeIds.Value).Value
    definition = templated.read_attribute_value(plant_id("R1099.Tf.Definition"), ua.AttributeIds.Value)
    assert definition.Value is not None
    assert definition.Value.Value == "TT-1101"


@pytest.mark.parametrize(
    "key",
    [
        *map(
            plant_id,
            (
                "R1",
                "R101x.T",
                "R99999.T",
                "R103",
                "R101.",
                "R101..T",
                ".R101",
                "R101.TIC102.SP",
                "R101.TIC101.",
                "R101.R101",
                "R102.R101.T",
                "Tags.R101.T",
                "Tags.R103",
                "Tags.Tags.R101",
                "Plant.R101",
                MODEL,
                f"{MODEL}.T",
                f"Tags.{MODEL}",
                f"R101.TIC{MODEL[1:]}.SP",
                "r101.T",
                "",
            ),
        ),
        ua.NodeId(101, 2),
        ua.NodeId(b"R101", 2),
        ua.NodeId("R101", 0),
        ua.NodeId("R101", 1),
        ua.NodeId("R101", 3),
    ],
    ids=str,
)
def test_what_is_not_served_is_unknown(templated: AddressSpace, key: ua.NodeId) -> None:
    assert key not in templated
    assert templated.get(key) is None
    with pytest.raises(KeyError):
        templated[key]
    read = templated.read_attribute_value(key, ua.AttributeIds.Value)
    assert read.StatusCode == ua.StatusCode(ua.UInt32(ua.StatusCodes.BadNodeIdUnknown))


def test_made_nodes_are_bounded_and_made_again(data: Path) -> None:
    space = AddressSpace()
    standard_nodes.load(space, data)
    build(NodeBuilder(space, 100.0), [MODEL])
    nodes = ReactorNodes(space._nodes, REACTORS, most_made=3)
    first = nodes[plant_id("R101.Alarms")]
    for path in ("R102", "R101.Alarms", "R101.Detector", "R102.Detector"):
        assert nodes[plant_id(path)].nodeid == plant_id(path)
    assert nodes[plant_id("R101.Alarms")] is first  # asked for lately
    assert len(nodes._made) == 3
    for path in ("R102", "R102.Alarms", "R102.Detector"):
        nodes[plant_id(path)]
    again = nodes[plant_id("R101.Alarms")]
    assert again is not first
    assert seen(again) == seen(first)
