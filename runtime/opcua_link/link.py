"""A connected session with an OPC UA server, spoken to by signal names."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any

from asyncua import Client, ua

from plant import quality
from plant.clock import ticks_from_unix_ns
from plant.names import PLANT
from runtime.backoff import delays
from runtime.errors import LinkLost
from runtime.opcua_link import browsing, reading_back
from runtime.opcua_link.builtin import DOUBLE
from runtime.opcua_link.data_types import builtin_types, present_type
from runtime.opcua_link.datavalues import misfit, reading, variant
from runtime.opcua_link.errors import CallRefused
from runtime.opcua_link.filetime import ticks_of
from runtime.opcua_link.limits import Limits
from runtime.opcua_link.nodes import (
    FindNodes,
    ListedNodes,
    Nodes,
    OnMissing,
    PlantNodes,
    plant_nodes,
    require,
    try_again,
)
from runtime.opcua_link.reading_back import OnRefusal, refuse
from runtime.opcua_link.session import Session
from runtime.opcua_link.subscriptions import OnData, Subscriptions
from runtime.opcua_link.values import Notification, Reading, VariableInfo

CLOCK = f"{PLANT}.Simulation.Time"
PROBE_EVERY_S = 1.0
LOOK_AGAIN_FIRST_S, LOOK_AGAIN_EVERY_S = 2.0, 60.0
"""For nodes that are missing, or that were refused: soon, since a connection that was cut may still count."""
PROBE_TIMEOUT_S, PATIENT_PROBE_TIMEOUT_S = 3.0, 12.0
"""Longer beside a HistoryRead of another server, which may answer that first: it may take 10 s (`connect`)."""


class OpcuaLink:
    """Made by `runtime.opcua_link.connect`; every call raises `LinkLost` when the server is away."""

    def __init__(self, client: Client, nodes: Nodes, limits: Limits) -> None:
        self._session = Session(client, nodes, limits)
        self._subscriptions = Subscriptions(self._session)
        self._types: dict[str, ua.VariantType] = {}
        self._missing: list[str] = []

    @classmethod
    async def over(cls, client: Client, find: FindNodes = plant_nodes) -> OpcuaLink:
        """Return the link over a connected client."""
        nodes = find(await client.get_namespace_array(), client.server_url.geturl())
        return cls(client, nodes, await Limits.of(client.uaclient.session))

    @property
    def is_plant(self) -> bool:
        """True for a plant of ours, False for any server whose nodes are listed."""
        return isinstance(self._session.nodes, PlantNodes)

    def node_id(self, name: str) -> ua.NodeId:
        """Return the NodeId of a name such as `R101.T`."""
        return self._session.node_id(name)

    async def read(self, names: Sequence[str]) -> list[Reading]:
        """Read values, in the order asked."""
        answers = await self._session.read(names, ua.AttributeIds.Value)
        return [reading(name, data) for name, data in zip(names, answers, strict=True)]

    async def write(self, values: Mapping[str, Any]) -> dict[str, int]:
        """Write all values, in one call where the server takes them; return the StatusCode of each.

        A value is a plain one, or for a DateTime its ticks, and goes in its signal's own type; what that cannot hold is
        not sent.
        """
        types = await self._types_of(list(values))
        found = {name: misfit(value, types[name]) for name, value in values.items()}
        sent = [name for name, status in found.items() if status == quality.GOOD]

        def write(part: Sequence[str]) -> Awaitable[Sequence[ua.StatusCode]]:
            writing = [self._writing(name, values[name], types[name]) for name in part]
            return self._session.services.write(ua.WriteParameters(NodesToWrite=writing))

        results = await self._session.answers(write, sent, self._session.limits.write)
        return found | {name: int(result.value) for name, result in zip(sent, results, strict=True)}

    def _writing(self, name: str, value: Any, kind: ua.VariantType) -> ua.WriteValue:
        data = ua.DataValue(Value=variant(value, kind))
        return ua.WriteValue(NodeId=self.node_id(name), AttributeId=ua.AttributeIds.Value, Value=data)

    async def call(self, object_name: str, method: str, *arguments: Any) -> list[Any]:
        """Call a Method and return its output arguments.

        Raises:
            CallRefused: with the StatusCode's name.
        """
        request = ua.CallMethodRequest(
            ObjectId=self.node_id(object_name),
            MethodId=self.node_id(f"{object_name}.{method}"),
            InputArguments=[
                ua.Variant(value, ua.VariantType.Double if isinstance(value, float) else ua.VariantType.String)
                for value in arguments
            ],
        )
        (result,) = await self._session.answers(lambda asked: self._session.services.call(list(asked)), [request], 1)
        if not result.StatusCode.is_good():
            codes = [int(code.value) for code in result.InputArgumentResults]
            raise CallRefused(f"{object_name}.{method}", int(result.StatusCode.value), codes)
        return [variant.Value for variant in result.OutputArguments]

    async def variables(self, on_missing: OnMissing = require) -> list[VariableInfo]:
        """Browse all Variables below the Plant object, reactor by reactor; of another server, return those listed.

        What is missing of these is looked for now and then: `run` ends when it is there.

        Raises:
            BadInput: naming what is missing, where `on_missing` does not take it.
        """
        nodes = self._session.nodes
        if not isinstance(nodes, ListedNodes):
            return await browsing.variables(self._session)
        for name, why in nodes.unknown.items():
            on_missing(name, why)
        infos = await browsing.listed_variables(self._session, nodes.names, on_missing)
        found = {info.name for info in infos}
        self._missing = [name for name in nodes.names if name not in found]
        return infos

    async def clock(self) -> int:
        """Return plant time, of another server its clock: where what is recorded ends; without one it is ours."""
        if self.is_plant:
            (clock,) = await self.read([CLOCK])
            return clock.source_time
        node = ua.ReadValueId(ua.NodeId(ua.Int32(ua.ObjectIds.Server_ServerStatus_CurrentTime)), ua.AttributeIds.Value)
        (data,) = await self._session.read_nodes([node])
        return ticks_of(data.Value.Value if data.Value is not None else None) or ticks_from_unix_ns(time.time_ns())

    async def reactors(self) -> list[str]:
        """Return the names of the reactors that are served, in order."""
        names = {info.name.split(".")[0] for info in await self.variables()} - {PLANT}
        return sorted(names, key=lambda name: (len(name), name))

    async def history(self, name: str, start: int, end: int, *, bounds: bool = False) -> Notification:
        """Read raw history from `start` to `end` (ticks), all pages; with `bounds`, the samples around it too."""
        return Notification.joined([page async for page in self.history_pages([name], start, end, bounds=bounds)])

    def history_pages(
        self, names: Sequence[str], start: int, end: int, *, bounds: bool = False, on_refusal: OnRefusal = refuse
    ) -> AsyncIterator[Notification]:
        """Yield the same of any number of signals page by page, however much it is; each signal's in order.

        Raises:
            BadInput: naming a signal with a Bad answer, where `on_refusal` does not take it.
        """
        return reading_back.history(self._session, names, start, end, bounds=bounds, on_refusal=on_refusal)

    async def subscribe(
        self,
        names: Sequence[str],
        on_data: OnData,
        *,
        publishing_s: float = 0.1,
        queue_size: int = 10_000,
        on_missing: OnMissing = require,
        on_no_room: OnMissing = try_again,
    ) -> int:
        """Have `on_data` awaited with each notification, before it is acknowledged; return the id. It needs `run`.

        What the server refuses is asked for again now and then: `run` ends when it is to be had.

        Raises:
            BadInput: naming a signal that the server refuses, where `on_missing` does not take it.
            LinkLost: naming one that it has no room for, where `on_no_room` does not take it.
        """
        return await self._subscriptions.subscribe(names, on_data, publishing_s, queue_size, on_missing, on_no_room)

    @property
    def unqueued(self) -> set[str]:
        """Subscribed signals that the server keeps one value of only: what comes between two publishings is lost."""
        return self._subscriptions.unqueued

    async def unsubscribe(self, subscription: int) -> None:
        """End a subscription."""
        await self._subscriptions.unsubscribe(subscription)

    async def run(self) -> None:
        """Receive notifications, notice a dead server, and what is there again, for ever; ends with `LinkLost`."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._subscriptions.run(), name="publish")
            group.create_task(self._probe(), name="probe")
            group.create_task(self._look_again(), name="missing nodes")

    async def _probe(self) -> None:
        while True:
            await asyncio.sleep(PROBE_EVERY_S)
            await self._session.answer(self._read_state())

    async def _look_again(self) -> None:
        """End the link once a node is there that was missing, or refused: the next one begins with it."""
        for delay in delays(LOOK_AGAIN_FIRST_S, LOOK_AGAIN_EVERY_S):
            await asyncio.sleep(delay)
            infos = await browsing.listed_variables(self._session, self._missing, lambda name, why: None)
            found = [info.name for info in infos] or await self._subscriptions.look_again()
            if found:
                raise LinkLost(f"OPC UA server {self._session.where}: {found[0]} is there again")

    async def _read_state(self) -> None:
        node = [ua.ReadValueId(ua.NodeId(ua.Int32(ua.ObjectIds.Server_ServerStatus_State)), ua.AttributeIds.Value)]
        # Not by wait_for, which forgets that it is cancelled when the answer comes at that moment (Python 3.11).
        is_patient = self._session.is_reading_back and not self.is_plant
        async with asyncio.timeout(PATIENT_PROBE_TIMEOUT_S if is_patient else PROBE_TIMEOUT_S):
            await self._session.services.read(ua.ReadParameters(NodesToRead=node))

    async def _types_of(self, names: Sequence[str]) -> dict[str, ua.VariantType]:
        """Return what values are written as: where the DataType leaves it open, as the present one; else as Double."""
        unknown = [name for name in names if name not in self._types]
        answers = await self._session.read(unknown, ua.AttributeIds.DataType)
        found = zip(unknown, await builtin_types(self._session, answers), strict=True)
        self._types |= {name: ua.VariantType(kind) for name, kind in found if kind}
        is_open = [name for name in unknown if name not in self._types]
        present = map(present_type, await self._session.read(is_open, ua.AttributeIds.Value))
        of_present = {name: ua.VariantType(kind or DOUBLE) for name, kind in zip(is_open, present, strict=True)}
        return {name: self._types.get(name) or of_present[name] for name in names}
