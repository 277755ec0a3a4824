"""The services as tests use them: short names for the raw client's requests; nothing is sent unasked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple

from asyncua import ua

from .wire import ANSWER_S, Session

SCAN_S = 0.1
OVERFLOW = 0x480
"""InfoType DataValue and the Overflow bit (OPC 10000-4 v1.05 §7.38.1)."""
DOUBLE, STRING, UINT32 = ua.VariantType.Double, ua.VariantType.String, ua.VariantType.UInt32
BOTH = ua.TimestampsToReturn.Both
ABSOLUTE, PERCENT = ua.DeadbandType.Absolute, ua.DeadbandType.Percent
SP, KC, TC, CAUSE, T = "R101.TIC101.SP", "R101.TIC101.Kc", "R101.Tc", "R101.Detector.Cause", "R101.T"
"""Writable: without and with (Tc: 250..350) an EURange, and a String; measured: T."""
UNKNOWN = 4_000_000_000
"""Of an item or a subscription that nobody has created."""
SERVER = ua.NodeId(ua.ObjectIds.Server)
NAMESPACES = ua.NodeId(ua.ObjectIds.Server_NamespaceArray)

NodeName = str | ua.NodeId


class Change(NamedTuple):
    """One MonitoredItemNotification."""

    handle: int
    value: Any
    status: int
    source: Any
    server: Any


def node(name: NodeName) -> ua.NodeId:
    """Return the NodeId of a name such as `R101.T`."""
    return ua.NodeId(name, 2) if isinstance(name, str) else name


def rvid(name: NodeName, attribute: int = ua.AttributeIds.Value, index_range: str | None = None) -> ua.ReadValueId:
    """Name an attribute."""
    return ua.ReadValueId(NodeId=node(name), AttributeId=attribute, IndexRange=index_range)


def read_request(
    *items: ua.ReadValueId, timestamps: ua.TimestampsToReturn = BOTH, max_age: float = 0.0
) -> ua.ReadRequest:
    return ua.ReadRequest(Parameters=ua.ReadParameters(max_age, timestamps, list(items)))


async def read(session: Session, *items: NodeName | ua.ReadValueId, **options: Any) -> list[ua.DataValue]:
    ids = [item if isinstance(item, ua.ReadValueId) else rvid(item) for item in items]
    return list((await session.call(read_request(*ids, **options))).Results)


def write_request(*items: ua.WriteValue) -> ua.WriteRequest:
    return ua.WriteRequest(Parameters=ua.WriteParameters(list(items)))


def write_value(name: NodeName, value: Any, kind: ua.VariantType = DOUBLE, **fields: Any) -> ua.WriteValue:
    item = ua.WriteValue(
        NodeId=node(name), AttributeId=ua.AttributeIds.Value, Value=ua.DataValue(ua.Variant(value, kind))
    )
    for field, wanted in fields.items():
        setattr(item, field, wanted)
    return item


async def write(session: Session, *items: ua.WriteValue) -> list[str]:
    return names((await session.call(write_request(*items))).Results)


async def put(session: Session, name: str, *values: Any, kind: ua.VariantType = DOUBLE) -> None:
    """Write one value after the other, a scan after each, so that whatever samples at the scan samples each."""
    for value in values:
        assert await write(session, write_value(name, value, kind)) == ["Good"]
        await step(session)


async def step(session: Session, seconds: float = SCAN_S) -> None:
    """Advance plant time."""
    await invoke(session, "Plant.Simulation", "Plant.Simulation.Step", ua.Variant(seconds, DOUBLE))


def call_request(target: NodeName, method: NodeName, *arguments: ua.Variant) -> ua.CallRequest:
    return ua.CallRequest(
        Parameters=ua.CallParameters([ua.CallMethodRequest(node(target), node(method), list(arguments))])
    )


async def invoke(session: Session, target: NodeName, method: NodeName, *arguments: ua.Variant) -> list[Any]:
    """Call a Method, which must be Good; return its outputs."""
    (result,) = (await session.call(call_request(target, method, *arguments))).Results
    assert result.StatusCode.is_good(), result
    return [output.Value for output in result.OutputArguments]


async def subscribe(
    session: Session,
    interval_ms: float = 50.0,
    *,
    keep_alive: int = 1,
    lifetime: int = 1000,
    most: int = 0,
    enabled: bool = True,
    priority: int = 0,
) -> ua.CreateSubscriptionResult:
    """Create a subscription; by default it is alive every interval, so that `changes` ends soon."""
    parameters = ua.CreateSubscriptionParameters(interval_ms, lifetime, keep_alive, most, enabled, priority)
    return (await session.call(ua.CreateSubscriptionRequest(Parameters=parameters))).Parameters


def modify_subscription_request(
    subscription: int, interval_ms: float, *, keep_alive: int = 1, lifetime: int = 1000, most: int = 0
) -> ua.ModifySubscriptionRequest:
    parameters = ua.ModifySubscriptionParameters(subscription, interval_ms, lifetime, keep_alive, most, 0)
    return ua.ModifySubscriptionRequest(Parameters=parameters)


def delete_subscriptions_request(*subscriptions: int) -> ua.DeleteSubscriptionsRequest:
    return ua.DeleteSubscriptionsRequest(Parameters=ua.DeleteSubscriptionsParameters(list(subscriptions)))


def publishing_mode_request(enabled: bool, *subscriptions: int) -> ua.SetPublishingModeRequest:
    return ua.SetPublishingModeRequest(Parameters=ua.SetPublishingModeParameters(enabled, list(subscriptions)))


def item(
    name: NodeName,
    handle: int = 1,
    *,
    queue: int = 10,
    sampling_ms: float = 0.0,
    discard_oldest: bool = True,
    filter: Any = None,  # noqa: A002 - as the specification names it
    mode: ua.MonitoringMode = ua.MonitoringMode.Reporting,
    attribute: int = ua.AttributeIds.Value,
    index_range: str | None = None,
) -> ua.MonitoredItemCreateRequest:
    parameters = ua.MonitoringParameters(handle, sampling_ms, filter, queue, discard_oldest)
    return ua.MonitoredItemCreateRequest(rvid(name, attribute, index_range), mode, parameters)


def monitor_request(
    subscription: int, *items: ua.MonitoredItemCreateRequest, timestamps: ua.TimestampsToReturn = BOTH
) -> ua.CreateMonitoredItemsRequest:
    parameters = ua.CreateMonitoredItemsParameters(subscription, timestamps, list(items))
    return ua.CreateMonitoredItemsRequest(Parameters=parameters)


async def monitor_all(
    session: Session, subscription: int, *items: ua.MonitoredItemCreateRequest, **options: Any
) -> list[ua.MonitoredItemCreateResult]:
    return list((await session.call(monitor_request(subscription, *items, **options))).Results)


async def monitor(
    session: Session, subscription: int, name: NodeName, handle: int = 1, **options: Any
) -> ua.MonitoredItemCreateResult:
    """Create one item, which must be Good."""
    (result,) = await monitor_all(session, subscription, item(name, handle, **options))
    assert result.StatusCode.is_good(), result.StatusCode.name
    return result


async def monitoring_refusal(session: Session, name: NodeName, **options: Any) -> str:
    """Return the name of the StatusCode with which an item is answered."""
    subscription = (await subscribe(session)).SubscriptionId
    (result,) = await monitor_all(session, subscription, item(name, **options))
    return str(result.StatusCode.name)


def parameters(
    handle: int = 1, queue: int = 10, filter_: object = None, sampling_ms: float = 0.0
) -> ua.MonitoringParameters:
    """Return what an item is to be modified to."""
    return ua.MonitoringParameters(handle, sampling_ms, filter_, queue, True)


def modify_items_request(
    subscription: int, *changes: tuple[int, ua.MonitoringParameters], timestamps: ua.TimestampsToReturn = BOTH
) -> ua.ModifyMonitoredItemsRequest:
    items = [ua.MonitoredItemModifyRequest(item_id, parameters) for item_id, parameters in changes]
    return ua.ModifyMonitoredItemsRequest(Parameters=ua.ModifyMonitoredItemsParameters(subscription, timestamps, items))


def monitoring_mode_request(subscription: int, mode: ua.MonitoringMode, *items: int) -> ua.SetMonitoringModeRequest:
    return ua.SetMonitoringModeRequest(Parameters=ua.SetMonitoringModeParameters(subscription, mode, list(items)))


def delete_items_request(subscription: int, *items: int) -> ua.DeleteMonitoredItemsRequest:
    return ua.DeleteMonitoredItemsRequest(Parameters=ua.DeleteMonitoredItemsParameters(subscription, list(items)))


def triggering_request(
    subscription: int, trigger: int, *, add: Iterable[int] = (), remove: Iterable[int] = ()
) -> ua.SetTriggeringRequest:
    return ua.SetTriggeringRequest(
        Parameters=ua.SetTriggeringParameters(subscription, trigger, list(add), list(remove))
    )


def deadband(
    kind: ua.DeadbandType, value: float, trigger: ua.DataChangeTrigger = ua.DataChangeTrigger.StatusValue
) -> ua.DataChangeFilter:
    return ua.DataChangeFilter(trigger, kind, value)


def on(trigger: ua.DataChangeTrigger) -> ua.DataChangeFilter:
    return ua.DataChangeFilter(trigger, 0, 0.0)


def publish_request(*acknowledged: tuple[int, int]) -> ua.PublishRequest:
    acks = [ua.SubscriptionAcknowledgement(subscription, number) for subscription, number in acknowledged]
    return ua.PublishRequest(Parameters=ua.PublishParameters(acks))


async def publish(session: Session, *acknowledged: tuple[int, int]) -> ua.PublishResult:
    """Send one Publish and return its answer, which must be Good."""
    return (await session.call(publish_request(*acknowledged))).Parameters


def changes_of(message: ua.NotificationMessage) -> list[Change]:
    """Return the data changes of a message, in their order."""
    found = []
    for notification in message.NotificationData or []:
        if isinstance(notification, ua.DataChangeNotification):
            for each in notification.MonitoredItems:
                data = each.Value
                status = data.StatusCode.value if data.StatusCode is not None else 0
                value = data.Value.Value if data.Value is not None else None
                found.append(Change(each.ClientHandle, value, status, data.SourceTimestamp, data.ServerTimestamp))
    return found


async def changes(session: Session) -> list[Change]:
    """Publish, and acknowledge, until a keep-alive says that there is no more; return all data changes."""
    found: list[Change] = []
    acknowledged: list[tuple[int, int]] = []
    while True:
        result = await publish(session, *acknowledged)
        if not result.NotificationMessage.NotificationData:
            return found
        found += changes_of(result.NotificationMessage)
        acknowledged = [(result.SubscriptionId, result.NotificationMessage.SequenceNumber)]


async def values(session: Session, handle: int = 1) -> list[Any]:
    """Return the values reported for one item since last asked."""
    return [change.value for change in await changes(session) if change.handle == handle]


def event_filter(*names: str, where: Iterable[ua.ContentFilterElement] = (), kind: int = 2041) -> ua.EventFilter:
    """Select fields of BaseEventType, or another, by their names in namespace 0."""
    selects = [selected(name, kind=kind) for name in names]
    return ua.EventFilter(selects, ua.ContentFilter(list(where)))


def selected(name: str, *, kind: int = 2041, attribute: int = ua.AttributeIds.Value) -> ua.SimpleAttributeOperand:
    path = [ua.QualifiedName(part, 0) for part in name.split("/")] if name else []
    return ua.SimpleAttributeOperand(ua.NodeId(kind), path, attribute)


def of_type(kind: int) -> ua.ContentFilterElement:
    return ua.ContentFilterElement(
        ua.FilterOperator.OfType, [ua.LiteralOperand(ua.Variant(ua.NodeId(kind), ua.VariantType.NodeId))]
    )


def event_item(filter_: Any, handle: int = 1, node_id: NodeName = SERVER, **options: Any) -> Any:
    return item(node_id, handle, filter=filter_, attribute=ua.AttributeIds.EventNotifier, **options)


def events_of(message: ua.NotificationMessage) -> list[tuple[int, list[Any]]]:
    """Return the ClientHandle and the fields of each event of a message, in their order."""
    lists = [each for each in message.NotificationData or [] if isinstance(each, ua.EventNotificationList)]
    return [
        (event.ClientHandle, [field.Value for field in event.EventFields]) for each in lists for event in each.Events
    ]


async def events(session: Session) -> list[tuple[int, list[Any]]]:
    """Publish, and acknowledge, until a keep-alive says that there is no more; return all events."""
    found: list[tuple[int, list[Any]]] = []
    acknowledged: list[tuple[int, int]] = []
    while True:
        result = await publish(session, *acknowledged)
        if not result.NotificationMessage.NotificationData:
            return found
        found += events_of(result.NotificationMessage)
        acknowledged = [(result.SubscriptionId, result.NotificationMessage.SequenceNumber)]


def republish_request(subscription: int, number: int) -> ua.RepublishRequest:
    return ua.RepublishRequest(Parameters=ua.RepublishParameters(subscription, number))


def transfer_request(*subscriptions: int, initial: bool) -> ua.TransferSubscriptionsRequest:
    return ua.TransferSubscriptionsRequest(Parameters=ua.TransferSubscriptionsParameters(list(subscriptions), initial))


async def transfer(session: Session, *subscriptions: int, initial: bool = True) -> list[ua.TransferResult]:
    return list((await session.call(transfer_request(*subscriptions, initial=initial))).Parameters.Results)


async def answer(future: asyncio.Future[Any]) -> Any:
    """Wait for the answer to a request that was sent before."""
    return await asyncio.wait_for(asyncio.shield(future), ANSWER_S)


async def service_result(future: asyncio.Future[Any]) -> str:
    return str((await answer(future)).ResponseHeader.ServiceResult.name)


def names(codes: Iterable[ua.StatusCode]) -> list[str]:
    return [str(code.name) for code in codes]


def now() -> float:
    return asyncio.get_running_loop().time()
