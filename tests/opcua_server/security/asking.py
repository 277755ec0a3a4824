"""One use of each service on one node, answered by the name of its StatusCode."""

from __future__ import annotations

from typing import Any

from asyncua import Client, ua

UINT32, DOUBLE, INT32 = ua.VariantType.UInt32, ua.VariantType.Double, ua.VariantType.Int32
SERVER, ROLE_SET = (
    ua.NodeId(ua.ObjectIds.Server),
    ua.NodeId(ua.ObjectIds.Server_ServerCapabilities_RoleSet),
)
OBJECTS = ua.NodeId(ua.ObjectIds.ObjectsFolder)
ADD_ROLE = ua.NodeId(ua.ObjectIds.Server_ServerCapabilities_RoleSet_AddRole)
IDENTITIES = ua.NodeId(ua.ObjectIds.WellKnownRole_Operator_Identities)
SESSION_SECURITY = ua.NodeId(
    ua.ObjectIds.Server_ServerDiagnostics_SessionsDiagnosticsSummary_SessionSecurityDiagnosticsArray
)
SESSIONS = ua.NodeId(ua.ObjectIds.Server_ServerDiagnostics_SessionsDiagnosticsSummary_SessionDiagnosticsArray)


def plant(path: str) -> ua.NodeId:
    return ua.NodeId(path, 2)


async def attribute(client: Client, node: ua.NodeId, attribute_id: int = ua.AttributeIds.Value) -> ua.DataValue:
    params = ua.ReadParameters(NodesToRead=[ua.ReadValueId(node, attribute_id)])
    return (await client.uaclient.read(params))[0]


async def read(client: Client, node: ua.NodeId, attribute_id: int = ua.AttributeIds.Value) -> str:
    return str((await attribute(client, node, attribute_id)).StatusCode.name)


async def value(client: Client, node: ua.NodeId, attribute_id: int) -> Any:
    return (await attribute(client, node, attribute_id)).Value.Value


async def own_security(client: Client, component: str = "") -> ua.NodeId:
    """Return the NodeId of the security diagnostics of the only session there is; asyncua's client cannot read them."""
    (session,) = await value(client, SESSIONS, ua.AttributeIds.Value)
    return ua.NodeId(f"{session.SessionId.Identifier}.SessionSecurityDiagnostics{component}", 1)


async def write(client: Client, path: str, wanted: Any, kind: ua.VariantType) -> str:
    item = ua.WriteValue(plant(path), ua.AttributeIds.Value, None, ua.DataValue(ua.Variant(wanted, kind)))
    (status,) = await client.uaclient.write(ua.WriteParameters(NodesToWrite=[item]))
    return str(status.name)


async def call(client: Client, owner: ua.NodeId, method: ua.NodeId, *arguments: ua.Variant) -> str:
    (result,) = await client.uaclient.call([ua.CallMethodRequest(owner, method, list(arguments))])
    return str(result.StatusCode.name)


async def browse(client: Client, node: ua.NodeId) -> tuple[str, set[str]]:
    """Return the status, and the BrowseNames of what is below."""
    params = ua.BrowseParameters(
        NodesToBrowse=[
            ua.BrowseDescription(node, ua.BrowseDirection.Forward, ua.NodeId(33), True, 0, ua.BrowseResultMask.All)
        ]
    )
    (result,) = await client.uaclient.browse(params)
    return str(result.StatusCode.name), {str(each.BrowseName.Name) for each in result.References or []}


async def translate(client: Client, start: ua.NodeId, *names: str) -> str:
    elements = [
        ua.RelativePathElement(ua.NodeId(33), False, True, ua.QualifiedName.from_string(each)) for each in names
    ]
    (result,) = await client.uaclient.translate_browsepaths_to_nodeids(
        [ua.BrowsePath(start, ua.RelativePath(elements))]
    )
    return str(result.StatusCode.name)


async def history(client: Client, path: str) -> str:
    details = ua.ReadRawModifiedDetails(
        IsReadModified=False, StartTime=ua.DateTime(2020, 1, 1), NumValuesPerNode=1, ReturnBounds=False
    )
    params = ua.HistoryReadParameters(
        HistoryReadDetails=details,
        TimestampsToReturn=ua.TimestampsToReturn.Both,
        ReleaseContinuationPoints=False,
        NodesToRead=[ua.HistoryReadValueId(NodeId=plant(path))],
    )
    (result,) = await client.uaclient.history_read(params)
    return str(result.StatusCode.name)


async def event_history(client: Client, node: ua.NodeId) -> str:
    select = ua.SimpleAttributeOperand(
        ua.NodeId(ua.ObjectIds.BaseEventType), [ua.QualifiedName("Message", 0)], ua.AttributeIds.Value
    )
    details = ua.ReadEventDetails(1, ua.DateTime(2020, 1, 1), ua.get_win_epoch(), ua.EventFilter([select]))
    params = ua.HistoryReadParameters(
        HistoryReadDetails=details,
        TimestampsToReturn=ua.TimestampsToReturn.Both,
        ReleaseContinuationPoints=False,
        NodesToRead=[ua.HistoryReadValueId(NodeId=node)],
    )
    (result,) = await client.uaclient.history_read(params)
    return str(result.StatusCode.name)


async def amend(client: Client, path: str) -> dict[str, str]:
    """Return what each change to history is answered; where it is allowed there is nothing to change."""
    node, time, how = plant(path), ua.DateTime(1990, 1, 1), ua.PerformUpdateType
    value = ua.DataValue(ua.Variant(1.0, DOUBLE), SourceTimestamp=time)
    details = {
        "insert": ua.UpdateDataDetails(node, how.Insert, [value]),
        "replace": ua.UpdateDataDetails(node, how.Replace, [value]),
        "update": ua.UpdateDataDetails(node, how.Update, [value]),
        "delete raw": ua.DeleteRawModifiedDetails(node, False, time, time),
        "delete modified": ua.DeleteRawModifiedDetails(node, True, time, time),
        "delete at time": ua.DeleteAtTimeDetails(node, [time]),
    }
    results = await client.uaclient.history_update(ua.HistoryUpdateParameters(list(details.values())))
    return {
        name: str((result.OperationResults or [result.StatusCode])[0].name)
        for name, result in zip(details, results, strict=True)
    }


async def monitor(client: Client, *items: ua.ReadValueId) -> list[str]:
    """Return with which status each item is created."""
    subscription = await client.create_subscription(1000.0, _Deaf())
    params = ua.CreateMonitoredItemsParameters(
        SubscriptionId=subscription.subscription_id,
        TimestampsToReturn=ua.TimestampsToReturn.Both,
        ItemsToCreate=[
            ua.MonitoredItemCreateRequest(
                item, ua.MonitoringMode.Reporting, ua.MonitoringParameters(place, 0.0, None, 1)
            )
            for place, item in enumerate(items)
        ],
    )
    results = await client.uaclient.create_monitored_items(params)
    await subscription.delete()
    return [str(result.StatusCode.name) for result in results]


class _Deaf:
    def datachange_notification(self, node: object, value: object, data: object) -> None:
        """Take no note."""
