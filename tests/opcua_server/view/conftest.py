"""The View services of a plant with 1,200 reactors, without a server around them."""

from __future__ import annotations

from pathlib import Path

import pytest
from asyncua.server.address_space import AddressSpace

from opcua_server import standard_nodes
from opcua_server.address_space import build
from opcua_server.limits import OperationLimits, ServerLimits
from opcua_server.nodes import NodeBuilder
from opcua_server.services.continuation import ContinuationPoints
from opcua_server.services.view import BrowsePoints, ViewService
from opcua_server.templates import MODEL, use_template

from .requests import (
    REACTORS,
)


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
