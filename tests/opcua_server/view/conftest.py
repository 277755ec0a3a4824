"""The View services of a plant with 1,200 reactors, without a server around them."""

from __future__ import annotations

from pathlib import Path

import pytest
from asyncua.server.address_space import AddressSpace

from opcua_server.limits import OperationLimits, ServerLimits
from opcua_server.services.continuation import ContinuationPoints
from opcua_server.services.view import BrowsePoints, ViewService

from ..conftest import templated_space
from .requests import REACTORS


@pytest.fixture(scope="module")
def space(data: Path) -> AddressSpace:
    return templated_space(data, REACTORS)


@pytest.fixture
def views(space: AddressSpace) -> ViewService:
    return ViewService(space, ServerLimits(OperationLimits(max_nodes_per_browse=20, max_nodes_per_register_nodes=3)))


@pytest.fixture
def points() -> BrowsePoints:
    return ContinuationPoints(3)
