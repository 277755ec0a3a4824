"""The services of one session, with names for NodeIds; every call raises `LinkLost` when the server is away."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from asyncua import Client, ua
from asyncua.client.ua_session import UaSession

from runtime.errors import LinkLost
from runtime.opcua_link.errors import link_errors
from runtime.opcua_link.limits import Limits, in_calls
from runtime.opcua_link.nodes import Nodes

T = TypeVar("T")


class Session:
    """Used by the parts of the link."""

    def __init__(self, client: Client, nodes: Nodes, limits: Limits) -> None:
        self.nodes, self.limits = nodes, limits
        self.where = client.server_url.geturl()
        self.services: UaSession = client.uaclient.session
        self.is_reading_back = False
        """While a HistoryRead is under way: some servers do one thing after the other."""

    def node_id(self, name: str) -> ua.NodeId:
        """Return the NodeId of a name such as `R101.T`."""
        return self.nodes.node_id(name)

    async def answer(self, call: Awaitable[T]) -> T:
        """Return what a service answers."""
        with link_errors(self.where):
            return await call

    async def answers(self, call: Awaitable[Sequence[T]], count: int) -> Sequence[T]:
        """Return what a service answers about so many things.

        Raises:
            LinkLost: also when it is about more or fewer.
        """
        found = await self.answer(call)
        if len(found) != count:
            message = f"OPC UA server {self.where}: {len(found)} results where {count} were asked for"
            raise LinkLost(message)
        return found

    async def send(self, request: Any, timeout: float | None = None) -> bytes:
        """Return the bytes of a response from its type id on, not decoded; 0 waits for it without end."""
        data = await self.services._send_request(request, timeout=timeout)
        return data.read(len(data))

    async def read(self, names: Sequence[str], attribute: ua.AttributeIds) -> list[ua.DataValue]:
        """Read an Attribute of any number of nodes."""
        answers: list[ua.DataValue] = []
        for part in in_calls(names, self.limits.read):
            params = ua.ReadParameters(
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                NodesToRead=[ua.ReadValueId(self.node_id(name), attribute) for name in part],
            )
            answers += await self.answers(self.services.read(params), len(part))
        return answers

    async def browse(
        self,
        nodes: Sequence[ua.NodeId],
        reference_type: int,
        direction: ua.BrowseDirection = ua.BrowseDirection.Forward,
    ) -> list[list[ua.ReferenceDescription]]:
        """Return the references of one type, and of those derived from it, of any number of nodes."""
        found: list[list[ua.ReferenceDescription]] = []
        for part in in_calls(nodes, self.limits.browse):
            params = ua.BrowseParameters(
                NodesToBrowse=[
                    ua.BrowseDescription(
                        NodeId=node,
                        BrowseDirection=direction,
                        ReferenceTypeId=ua.NodeId(ua.Int32(reference_type)),
                        IncludeSubtypes=True,
                        NodeClassMask=ua.UInt32(0),
                        ResultMask=ua.UInt32(ua.BrowseResultMask.All),
                    )
                    for node in part
                ]
            )
            found += [each.References for each in await self.answers(self.services.browse(params), len(part))]
        return found
