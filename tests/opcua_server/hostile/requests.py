"""A valid request for each handler of the dispatcher, and some that need no session."""

from __future__ import annotations

from typing import Any

from asyncua import ua

from ..conformity.services import (
    CAUSE,
    SP,
    STRING,
    TC,
    UINT32,
    T,
    call_request,
    deadband,
    delete_items_request,
    delete_subscriptions_request,
    item,
    modify_items_request,
    modify_subscription_request,
    monitor_request,
    monitoring_mode_request,
    publish_request,
    publishing_mode_request,
    read_request,
    republish_request,
    rvid,
    transfer_request,
    triggering_request,
    write_request,
    write_value,
)


def requests(subscription: int, monitored: int) -> list[Any]:
    """Return a valid request for each handler of the dispatcher, and some that the library answers."""
    parameters = ua.MonitoringParameters(1, 0.0, deadband(ua.DeadbandType.Absolute, 1.0), 10, True)
    browse = ua.BrowseDescription(NodeId=ua.NodeId(ua.ObjectIds.ObjectsFolder), ResultMask=63)
    element = ua.RelativePathElement(TargetName=ua.QualifiedName("Server", 0))
    path = ua.BrowsePath(ua.NodeId(ua.ObjectIds.ObjectsFolder), ua.RelativePath([element]))
    raw = ua.ReadRawModifiedDetails(False, ua.DateTime(2020, 1, 1), ua.DateTime(2100, 1, 1), 3, False)
    history = ua.HistoryReadParameters(raw, ua.TimestampsToReturn.Both, False, [ua.HistoryReadValueId(rvid(T).NodeId)])
    before = ua.DateTime(2020, 1, 1)
    new = ua.DataValue(ua.Variant(1.0), SourceTimestamp=before, ServerTimestamp=before)
    changes = [
        ua.UpdateDataDetails(rvid(T).NodeId, ua.PerformUpdateType.Insert, [new, new]),
        ua.DeleteRawModifiedDetails(rvid(T).NodeId, False, before, before),
        ua.DeleteAtTimeDetails(rvid(T).NodeId, [before]),
    ]
    nested = ua.Variant([ua.Variant([ua.Variant("x")], ua.VariantType.Variant)], ua.VariantType.Variant)
    return [
        read_request(rvid(T), rvid("R101.T", index_range="1:2"), rvid(ua.NodeId(ua.ObjectIds.Server))),
        write_request(write_value(SP, 333.0), write_value(CAUSE, "wetness", STRING), write_value(TC, [1.0, 2.0])),
        write_request(ua.WriteValue(rvid(CAUSE).NodeId, ua.AttributeIds.Value, None, ua.DataValue(nested))),
        publish_request((subscription, 1)),
        republish_request(subscription, 1),
        ua.CreateSubscriptionRequest(Parameters=ua.CreateSubscriptionParameters(1e6, 10, 3, 0, True, 0)),
        modify_subscription_request(subscription, 1000.0),
        publishing_mode_request(True, subscription),
        transfer_request(subscription, initial=True),
        monitor_request(subscription, item(T, filter=deadband(ua.DeadbandType.Percent, 1.0)), item(CAUSE)),
        modify_items_request(subscription, (monitored, parameters)),
        monitoring_mode_request(subscription, ua.MonitoringMode.Sampling, monitored),
        triggering_request(subscription, monitored, add=[monitored], remove=[monitored]),
        delete_items_request(subscription, monitored + 1000),
        delete_subscriptions_request(subscription + 1000),
        ua.BrowseRequest(Parameters=ua.BrowseParameters(NodesToBrowse=[browse])),
        ua.BrowseNextRequest(Parameters=ua.BrowseNextParameters(False, [b"nothing"])),
        ua.TranslateBrowsePathsToNodeIdsRequest(Parameters=ua.TranslateBrowsePathsToNodeIdsParameters([path])),
        ua.RegisterNodesRequest(Parameters=ua.RegisterNodesParameters([rvid(T).NodeId])),
        ua.UnregisterNodesRequest(Parameters=ua.UnregisterNodesParameters([rvid(T).NodeId])),
        ua.CancelRequest(Parameters=ua.CancelParameters(1)),
        call_request("R101.Simulation", "R101.Simulation.Clear", ua.Variant("nothing", STRING)),
        call_request(ua.NodeId(2253), ua.NodeId(11492), ua.Variant(subscription, UINT32)),
        ua.HistoryReadRequest(Parameters=history),
        ua.HistoryUpdateRequest(Parameters=ua.HistoryUpdateParameters(changes)),
        ua.GetEndpointsRequest(Parameters=ua.GetEndpointsParameters("opc.tcp://x", ["en"], ["y"])),
        ua.FindServersRequest(Parameters=ua.FindServersParameters("opc.tcp://x", ["en"], ["y"])),
    ]
