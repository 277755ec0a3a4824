"""A command's connection to the running plant."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from runtime.opcua_link.connect import connected, service_login
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.nodes import FindNodes, nodes_to_find, plant_nodes
from runtime.running import RUN_SETTINGS, find_running
from runtime.settings import NodeSettings
from runtime.settings_file import load_settings


@contextlib.asynccontextmanager
async def plant_link(data: Path) -> AsyncIterator[OpcuaLink]:
    """Connect to the plant that runs on this data directory; off loopback with the login kept there.

    Raises:
        BadInput: when its server is none of ours.
        CouldNotRun: when none runs.
        LinkLost: when its server cannot be reached.
    """
    async with _link(data, plant_nodes) as link:
        yield link


@contextlib.asynccontextmanager
async def source_link(data: Path, nodes: Sequence[NodeSettings]) -> AsyncIterator[OpcuaLink]:
    """Connect to the server that is collected from, any server where nodes are listed; raises as `plant_link`."""
    async with _link(data, nodes_to_find(nodes)) as link:
        yield link


@contextlib.asynccontextmanager
async def _link(data: Path, find: FindNodes) -> AsyncIterator[OpcuaLink]:
    find_running(data)
    settings = load_settings(data / RUN_SETTINGS, env={})
    login = service_login("gateway", settings, data)
    async with connected(settings.server.local_endpoint, "cstr-gateway-command", login, find) as link:
        yield link
