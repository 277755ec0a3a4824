"""A server of another vendor: asyncua's own, with nodes that a test adds."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from asyncua import Node, Server, ua

from runtime.opcua_link.connect import connected
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.nodes import listed
from runtime.ports import free_port


class Vendor:
    """Its nodes are `Tank.X`, for `ns=2;s=X`."""

    def __init__(self) -> None:
        self.server = Server()
        self.endpoint = f"opc.tcp://127.0.0.1:{free_port()}/tank"
        self.nodes: dict[str, Node] = {}

    async def prepare(self) -> None:
        await self.server.init()
        self.server.set_endpoint(self.endpoint)
        await self.server.register_namespace("urn:tank")

    async def add(
        self, leaf: str, value: object, kind: ua.VariantType, data_type: ua.NodeId | int | None = None
    ) -> Node:
        """Add a node that may be written; a DataType of namespace 0 by its number."""
        named = ua.NodeId(ua.Int32(data_type)) if isinstance(data_type, int) else data_type
        where = self.server.nodes.objects
        node = await where.add_variable(ua.NodeId(leaf, 2), leaf, ua.Variant(value, kind), datatype=named)
        await node.set_writable()
        self.nodes[f"Tank.{leaf}"] = node
        return node

    @contextlib.asynccontextmanager
    async def link(self) -> AsyncIterator[OpcuaLink]:
        """Connect to what was added."""
        find = listed({name: node.nodeid.to_string() for name, node in self.nodes.items()})
        async with connected(self.endpoint, "test", find=find) as link:
            yield link


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    vendor = Vendor()
    await vendor.prepare()
    async with vendor.server:
        yield vendor
