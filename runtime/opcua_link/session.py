"""The services of one session, with names for NodeIds; every call raises `LinkLost` when the server is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, TypeVar

from asyncua import Client, ua
from asyncua.client.ua_session import UaSession

from runtime.errors import LinkLost
from runtime.opcua_link.errors import link_errors
from runtime.opcua_link.limits import TOO_MUCH, TOO_MUCH_TO_TELL, Limits
from runtime.opcua_link.nodes import Nodes

T = TypeVar("T")
Asked = TypeVar("Asked")


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

    async def answers(
        self,
        call: Callable[[Sequence[Asked]], Awaitable[Sequence[T]]],
        asked: Sequence[Asked],
        most: int,
        too_much: Collection[int] = TOO_MUCH,
    ) -> list[T]:
        """Return what a service answers about each of any number of things, in calls of no more than `most`.

        A server that finds a call `too_much` is asked about half of it.

        Raises:
            LinkLost: also when it answers about more or fewer.
        """
        answers: list[T] = []
        while len(answers) < len(asked):
            part = asked[len(answers) : len(answers) + most]
            with link_errors(self.where):
                try:
                    found = await call(part)
                except ua.UaStatusCodeError as error:
                    if error.code not in too_much or len(part) == 1:
                        raise
                    most = len(part) // 2
                    continue
            if len(found) != len(part):
                message = f"OPC UA server {self.where}: {len(found)} results where {len(part)} were asked for"
                raise LinkLost(message)
            answers += found
        return answers

    async def send(self, request: Any, timeout: float | None = None) -> bytes:
        """Return the bytes of a response from its type id on, not decoded; 0 waits for it without end."""
        data = await self.services._send_request(request, timeout=timeout)
        return data.read(len(data))

    async def read(self, names: Sequence[str], attribute: ua.AttributeIds) -> list[ua.DataValue]:
        """Read an Attribute of any number of nodes."""
        return await self.read_nodes([ua.ReadValueId(self.node_id(name), attribute) for name in names])

    async def read_nodes(self, nodes: Sequence[ua.ReadValueId]) -> list[ua.DataValue]:
        """Read any number of nodes, also such as have no name."""

        def read(part: Sequence[ua.ReadValueId]) -> Awaitable[Sequence[ua.DataValue]]:
            params = ua.ReadParameters(TimestampsToReturn=ua.TimestampsToReturn.Both, NodesToRead=list(part))
            return self.services.read(params)

        return await self.answers(read, nodes, self.limits.read, TOO_MUCH_TO_TELL)

    async def browse(
        self,
        nodes: Sequence[ua.NodeId],
        reference_type: int,
        direction: ua.BrowseDirection = ua.BrowseDirection.Forward,
    ) -> list[list[ua.ReferenceDescription]]:
        """Return the references of one type, and of those derived from it, of any number of nodes."""

        def browse(part: Sequence[ua.NodeId]) -> Awaitable[Sequence[ua.BrowseResult]]:
            descriptions = [
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
            return self.services.browse(ua.BrowseParameters(NodesToBrowse=descriptions))

        found = await self.answers(browse, nodes, self.limits.browse, TOO_MUCH_TO_TELL)
        return [each.References for each in found]
