"""A connected session with an OPC UA server, spoken to by signal names."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from asyncua import Client, ua
from asyncua.ua.ua_binary import struct_from_binary

from plant import quality
from plant.names import NAMESPACE_URI, PLANT
from runtime.errors import BadInput, LinkLost
from runtime.opcua_link.filetime import FileTime
from runtime.opcua_link.values import Notification, Reading, VariableInfo, columns, plain, reading, status_of

T = TypeVar("T")
OnData = Callable[[Notification], Awaitable[None]]

ITEMS_PER_CALL = 1000
PUBLISH_REQUESTS = 3
"""In flight at once, so that the server never waits for one while a notification is being stored."""
PROBE_EVERY_S = 1.0
PROBE_TIMEOUT_S = 3.0


@contextlib.contextmanager
def link_errors(where: str) -> Iterator[None]:
    """Turn what the library raises when a server is away, or no longer knows us, into `LinkLost`."""
    try:
        yield
    except (OSError, TimeoutError, ua.UaError) as error:
        reason = str(error) or type(error).__name__
        raise LinkLost(f"OPC UA server {where}: {reason}") from error


class CallRefused(BadInput):
    """A Method answered with a Bad code; the text names it, and the argument at fault."""

    def __init__(self, method: str, status: int, arguments: list[int]) -> None:
        at_fault = [
            f"argument {place + 1} is {quality.name_of(code)}"
            for place, code in enumerate(arguments)
            if quality.is_bad(code)
        ]
        super().__init__(f"{method}: {quality.name_of(status)}" + (f" ({', '.join(at_fault)})" if at_fault else ""))
        self.status = status


class OpcuaLink:
    """Made by `runtime.opcua_link.connect`; every call raises `LinkLost` when the server is away."""

    def __init__(self, client: Client, namespace: int) -> None:
        self._client = client
        self._namespace = namespace
        self._types: dict[str, ua.VariantType] = {}
        self._subscriptions: dict[int, tuple[list[str], OnData]] = {}
        self._subscribed = asyncio.Event()

    @classmethod
    async def over(cls, client: Client) -> OpcuaLink:
        """Return the link over a connected client; the plant's namespace is found by its URI."""
        uris = await client.get_namespace_array()
        if NAMESPACE_URI not in uris:
            message = f"{client.server_url.geturl()}: no namespace {NAMESPACE_URI}: this is no cstr-gateway server"
            raise BadInput(message)
        return cls(client, uris.index(NAMESPACE_URI))

    def node_id(self, name: str) -> ua.NodeId:
        """Return the NodeId of a name such as `R101.T`."""
        return ua.NodeId(ua.String(name), ua.Int16(self._namespace))

    async def read(self, names: Sequence[str]) -> list[Reading]:
        """Read values, in the order asked."""
        answers = await self._read_attribute(names, ua.AttributeIds.Value)
        return [reading(name, data) for name, data in zip(names, answers, strict=True)]

    async def write(self, values: Mapping[str, Any]) -> dict[str, int]:
        """Write all values in one call, each in its signal's own type; return the StatusCode of each.

        A value is a plain one, or for a DateTime its ticks.
        """
        await self._learn_types(list(values))
        params = ua.WriteParameters()
        for name, value in values.items():
            vtype = self._types.get(name, ua.VariantType.Double)
            shown = FileTime.of(value) if vtype is ua.VariantType.DateTime else value
            params.NodesToWrite.append(
                ua.WriteValue(
                    NodeId=self.node_id(name),
                    AttributeId=ua.AttributeIds.Value,
                    Value=ua.DataValue(Value=ua.Variant(shown, vtype)),
                )
            )
        results = await self._guarded(self._client.uaclient.session.write(params))
        return {name: int(result.value) for name, result in zip(values, results, strict=True)}

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
        (result,) = await self._guarded(self._client.uaclient.session.call([request]))
        if not result.StatusCode.is_good():
            codes = [int(code.value) for code in result.InputArgumentResults]
            raise CallRefused(f"{object_name}.{method}", int(result.StatusCode.value), codes)
        return [variant.Value for variant in result.OutputArguments]

    async def variables(self) -> list[VariableInfo]:
        """Browse all Variables below the Plant object, reactor by reactor."""
        names: list[str] = []
        todo = deque([self.node_id(PLANT)])
        while todo:
            level = [todo.popleft() for _ in range(min(len(todo), ITEMS_PER_CALL))]
            for reference in await self._children(level):
                if reference.NodeClass == ua.NodeClass.Variable:
                    names.append(str(reference.NodeId.Identifier))
                elif reference.NodeClass == ua.NodeClass.Object:
                    todo.append(reference.NodeId)
        types = await self._read_attribute(names, ua.AttributeIds.DataType)
        historizing = await self._read_attribute(names, ua.AttributeIds.Historizing)
        units = await self._read_attribute([f"{name}.EngineeringUnits" for name in names], ua.AttributeIds.Value)
        return [
            VariableInfo(name, _builtin(data_type), _symbol(unit), bool(plain(recorded)))
            for name, data_type, recorded, unit in zip(names, types, historizing, units, strict=True)
        ]

    async def reactors(self) -> list[str]:
        """Return the names of the reactors that are served, in order."""
        names = {info.name.split(".")[0] for info in await self.variables()} - {PLANT}
        return sorted(names, key=lambda name: (len(name), name))

    async def history(self, name: str, start: int, end: int, *, bounds: bool = False) -> Notification:
        """Read raw history from `start` to `end` (ticks), all pages; with `bounds`, the samples around it too."""
        details = ua.ReadRawModifiedDetails(
            IsReadModified=False,
            StartTime=FileTime.of(start),
            EndTime=FileTime.of(end),
            NumValuesPerNode=ua.UInt32(0),
            ReturnBounds=bounds,
        )
        rows: list[tuple[str, ua.DataValue]] = []
        point: Any = None
        while True:
            node = ua.HistoryReadValueId(NodeId=self.node_id(name), ContinuationPoint=point)
            params = ua.HistoryReadParameters(
                HistoryReadDetails=details,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ReleaseContinuationPoints=False,
                NodesToRead=[node],
            )
            (result,) = await self._guarded(self._client.uaclient.session.history_read(params))
            if quality.is_bad(int(result.StatusCode.value)):
                message = f"{name}: the server's history answers {quality.name_of(int(result.StatusCode.value))}"
                raise BadInput(message)
            data: Any = result.HistoryData
            values = getattr(data, "DataValues", None) or []
            rows += [(name, value) for value in values if status_of(value) != quality.BAD_BOUND_NOT_FOUND]
            point = result.ContinuationPoint
            if not point:
                return columns(rows)

    async def subscribe(
        self, names: Sequence[str], on_data: OnData, *, publishing_s: float = 0.1, queue_size: int = 10_000
    ) -> int:
        """Have `on_data` awaited with each notification, before it is acknowledged; return the id. It needs `run`.

        Raises:
            BadInput: naming the first signal that the server refuses.
        """
        created = await self._guarded(self._create_subscription(publishing_s))
        self._subscriptions[created] = (list(names), on_data)
        self._subscribed.set()
        for start in range(0, len(names), ITEMS_PER_CALL):
            part = names[start : start + ITEMS_PER_CALL]
            params = ua.CreateMonitoredItemsParameters(
                SubscriptionId=ua.UInt32(created),
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=[self._item(name, handle, queue_size) for handle, name in enumerate(part, start)],
            )
            results = await self._guarded(self._client.uaclient.session.create_monitored_items(params))
            for name, result in zip(part, results, strict=True):
                if not result.StatusCode.is_good():
                    message = f"{name}: cannot be subscribed to: {quality.name_of(int(result.StatusCode.value))}"
                    raise BadInput(message)
        return created

    async def unsubscribe(self, subscription: int) -> None:
        """End a subscription."""
        self._subscriptions.pop(subscription, None)
        if not self._subscriptions:
            self._subscribed.clear()
        await self._guarded(self._client.uaclient.session.delete_subscriptions([subscription]))

    async def run(self) -> None:
        """Receive notifications and notice a dead server, for ever; ends with `LinkLost`."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._receive(), name="publish")
            group.create_task(self._probe(), name="probe")

    async def _receive(self) -> None:
        waiting: deque[asyncio.Task[Any]] = deque()
        acknowledge: list[ua.SubscriptionAcknowledgement] = []
        try:
            while True:
                await self._subscribed.wait()
                while len(waiting) < PUBLISH_REQUESTS:
                    waiting.append(asyncio.create_task(self._publish(acknowledge)))
                    acknowledge = []
                result = await self._guarded(waiting.popleft())
                if result is None:
                    continue
                message = result.NotificationMessage
                subscription = self._subscriptions.get(result.SubscriptionId)
                if subscription is None or not message.NotificationData:
                    continue  # a keep-alive, or of a subscription that is being made
                await self._deliver(*subscription, message)
                acknowledge.append(
                    ua.SubscriptionAcknowledgement(
                        SubscriptionId=result.SubscriptionId, SequenceNumber=message.SequenceNumber
                    )
                )
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _deliver(self, names: list[str], on_data: OnData, message: ua.NotificationMessage) -> None:
        for part in message.NotificationData:
            if isinstance(part, ua.DataChangeNotification):
                await on_data(columns([(names[item.ClientHandle], item.Value) for item in part.MonitoredItems]))
            elif isinstance(part, ua.StatusChangeNotification):
                raise LinkLost(f"the server ended a subscription: {quality.name_of(int(part.Status.value))}")

    async def _publish(self, acknowledgements: list[ua.SubscriptionAcknowledgement]) -> Any:
        """Return what was published; None when the last subscription has just been ended."""
        try:
            response = await self._client.uaclient.session.publish(acknowledgements)
        except ua.uaerrors.BadNoSubscription:
            if self._subscribed.is_set():
                raise
            return None
        response.ResponseHeader.ServiceResult.check()
        return response.Parameters

    async def _probe(self) -> None:
        while True:
            await asyncio.sleep(PROBE_EVERY_S)
            await self._guarded(self._read_state())

    async def _read_state(self) -> None:
        node = [ua.ReadValueId(ua.NodeId(ua.Int32(ua.ObjectIds.Server_ServerStatus_State)), ua.AttributeIds.Value)]
        # Not by wait_for, which forgets that it is cancelled when the answer comes at that moment (Python 3.11).
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            await self._client.uaclient.session.read(ua.ReadParameters(NodesToRead=node))

    async def _create_subscription(self, publishing_s: float) -> int:
        # Not by the library's own call, which would start its publish loop: that acknowledges whatever happens.
        request = ua.CreateSubscriptionRequest()
        request.Parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=publishing_s * 1000.0,
            RequestedLifetimeCount=ua.UInt32(max(300, round(60 / publishing_s))),
            RequestedMaxKeepAliveCount=ua.UInt32(max(10, round(1 / publishing_s))),
            MaxNotificationsPerPublish=ua.UInt32(0),
            PublishingEnabled=True,
        )
        data = await self._client.uaclient.session._send_request(request)
        response = struct_from_binary(ua.CreateSubscriptionResponse, data)
        response.ResponseHeader.ServiceResult.check()
        return int(response.Parameters.SubscriptionId)

    def _item(self, name: str, handle: int, queue_size: int) -> ua.MonitoredItemCreateRequest:
        return ua.MonitoredItemCreateRequest(
            ItemToMonitor=ua.ReadValueId(self.node_id(name), ua.AttributeIds.Value),
            MonitoringMode=ua.MonitoringMode.Reporting,
            RequestedParameters=ua.MonitoringParameters(
                ClientHandle=ua.UInt32(handle),
                SamplingInterval=0.0,
                QueueSize=ua.UInt32(queue_size),
                DiscardOldest=True,
            ),
        )

    async def _learn_types(self, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in self._types]
        if unknown:
            answers = await self._read_attribute(unknown, ua.AttributeIds.DataType)
            for name, data in zip(unknown, answers, strict=True):
                number = _builtin(data)
                if number:
                    self._types[name] = ua.VariantType(number)

    async def _read_attribute(self, names: Sequence[str], attribute: ua.AttributeIds) -> list[ua.DataValue]:
        answers: list[ua.DataValue] = []
        for start in range(0, len(names), ITEMS_PER_CALL):
            params = ua.ReadParameters(
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                NodesToRead=[
                    ua.ReadValueId(self.node_id(name), attribute) for name in names[start : start + ITEMS_PER_CALL]
                ],
            )
            answers += await self._guarded(self._client.uaclient.session.read(params))
        return answers

    async def _children(self, nodes: Sequence[ua.NodeId]) -> list[ua.ReferenceDescription]:
        params = ua.BrowseParameters(
            NodesToBrowse=[
                ua.BrowseDescription(
                    NodeId=node,
                    BrowseDirection=ua.BrowseDirection.Forward,
                    ReferenceTypeId=ua.NodeId(ua.Int32(ua.ObjectIds.HasComponent)),
                    IncludeSubtypes=True,
                    NodeClassMask=ua.UInt32(0),
                    ResultMask=ua.UInt32(ua.BrowseResultMask.All),
                )
                for node in nodes
            ]
        )
        results = await self._guarded(self._client.uaclient.session.browse(params))
        return [reference for result in results for reference in result.References]

    async def _guarded(self, call: Awaitable[T]) -> T:
        with link_errors(self._client.server_url.geturl()):
            return await call


def _builtin(data: ua.DataValue) -> int:
    value: Any = data.Value.Value if data.Value is not None else None
    if isinstance(value, ua.NodeId) and value.NamespaceIndex == 0 and isinstance(value.Identifier, int):
        return value.Identifier if value.Identifier <= 25 else 0
    return 0


def _symbol(data: ua.DataValue) -> str:
    value: Any = data.Value.Value if data.Value is not None else None
    return (value.DisplayName.Text or "") if isinstance(value, ua.EUInformation) else ""
