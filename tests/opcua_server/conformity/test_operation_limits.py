"""Empty lists and lists that are too long (OPC 10000-4 v1.05 §7.38.2; OperationLimits: OPC 10000-5 v1.05 §6.3.11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asyncua import ua

from .services import (
    SP,
    call_request,
    delete_items_request,
    delete_subscriptions_request,
    item,
    modify_items_request,
    monitor,
    monitor_request,
    monitoring_mode_request,
    node,
    publishing_mode_request,
    read,
    read_request,
    rvid,
    subscribe,
    transfer_request,
    triggering_request,
    write_request,
    write_value,
)
from .wire import Session

NO_VIEW = ua.ViewDescription()


def browse_request(count: int) -> ua.BrowseRequest:
    wanted = ua.BrowseDescription(NodeId=node("R101"), ReferenceTypeId=ua.NodeId(ua.ObjectIds.References))
    return ua.BrowseRequest(Parameters=ua.BrowseParameters(NO_VIEW, 0, [wanted] * count))


def browse_next_request(count: int) -> ua.BrowseNextRequest:
    return ua.BrowseNextRequest(Parameters=ua.BrowseNextParameters(False, [b"none"] * count))


def translate_request(count: int) -> ua.TranslateBrowsePathsToNodeIdsRequest:
    path = ua.BrowsePath(node("R101"), ua.RelativePath([]))
    return ua.TranslateBrowsePathsToNodeIdsRequest(
        Parameters=ua.TranslateBrowsePathsToNodeIdsParameters([path] * count)
    )


def register_request(count: int) -> ua.RegisterNodesRequest:
    return ua.RegisterNodesRequest(Parameters=ua.RegisterNodesParameters([node(SP)] * count))


def unregister_request(count: int) -> ua.UnregisterNodesRequest:
    return ua.UnregisterNodesRequest(Parameters=ua.UnregisterNodesParameters([node(SP)] * count))


def calls_request(count: int) -> ua.CallRequest:
    calls = call_request("R999", "R999").Parameters.MethodsToCall * count
    return ua.CallRequest(Parameters=ua.CallParameters(calls))


def history_read_request(count: int) -> ua.HistoryReadRequest:
    details = ua.ReadRawModifiedDetails(IsReadModified=False, NumValuesPerNode=1, ReturnBounds=False)
    nodes = [ua.HistoryReadValueId(NodeId=node(SP))] * count
    return ua.HistoryReadRequest(Parameters=ua.HistoryReadParameters(details, ua.TimestampsToReturn.Both, False, nodes))


def history_update_request(count: int) -> ua.HistoryUpdateRequest:
    details = [ua.DeleteAtTimeDetails(NodeId=node(SP))] * count
    return ua.HistoryUpdateRequest(Parameters=ua.HistoryUpdateParameters(details))


@pytest.mark.parametrize(
    "request_",
    [
        read_request(),
        write_request(),
        browse_request(0),
        browse_next_request(0),
        translate_request(0),
        register_request(0),
        unregister_request(0),
        calls_request(0),
        history_read_request(0),
        history_update_request(0),
        delete_subscriptions_request(),
        publishing_mode_request(True),
        transfer_request(initial=False),
    ],
    ids=lambda request: type(request).__name__,
)
async def test_an_empty_list_is_nothing_to_do(session: Session, request_: Any) -> None:
    assert await session.refused(request_) == "BadNothingToDo"


async def test_an_empty_list_of_items_is_nothing_to_do(session: Session) -> None:
    mine = (await subscribe(session)).SubscriptionId
    created = (await monitor(session, mine, SP)).MonitoredItemId
    for request in (
        monitor_request(mine),
        modify_items_request(mine),
        monitoring_mode_request(mine, ua.MonitoringMode.Sampling),
        triggering_request(mine, created),
        delete_items_request(mine),
    ):
        assert await session.refused(request) == "BadNothingToDo", type(request).__name__


def limit_of(name: str) -> ua.NodeId:
    return ua.NodeId(getattr(ua.ObjectIds, f"Server_ServerCapabilities_OperationLimits_{name}"))


async def limit(session: Session, name: str) -> int:
    (data,) = await read(session, limit_of(name))
    assert data.Value is not None, name
    assert isinstance(data.Value.Value, int), name
    return int(data.Value.Value)


LIMITS: list[tuple[str, Callable[[int], Any]]] = [
    ("MaxNodesPerRead", lambda count: read_request(*[rvid(SP)] * count)),
    ("MaxNodesPerWrite", lambda count: write_request(*[write_value(SP, 330.0)] * count)),
    ("MaxNodesPerBrowse", browse_request),
    ("MaxNodesPerTranslateBrowsePathsToNodeIds", translate_request),
    ("MaxNodesPerRegisterNodes", register_request),
    ("MaxNodesPerMethodCall", calls_request),
    ("MaxNodesPerHistoryReadData", history_read_request),
    ("MaxNodesPerHistoryUpdateData", history_update_request),
]


@pytest.mark.parametrize(("name", "make"), LIMITS, ids=[name for name, _ in LIMITS])
async def test_more_than_the_limit_is_refused(session: Session, name: str, make: Callable[[int], Any]) -> None:
    most = await limit(session, name)
    assert 0 < most <= 100_000
    assert await session.refused(make(most + 1)) == "BadTooManyOperations"


async def test_as_much_as_the_limit_is_served(session: Session) -> None:
    most = await limit(session, "MaxNodesPerRead")
    assert len(await read(session, *[SP] * most)) == most >= 1000


async def test_more_items_a_call_than_the_limit_are_refused(session: Session) -> None:
    most = await limit(session, "MaxMonitoredItemsPerCall")
    assert 1000 <= most <= 100_000
    mine = (await subscribe(session)).SubscriptionId
    parameters = ua.MonitoringParameters(1, 0.0, None, 1, True)
    for request in (
        monitor_request(mine, *[item(SP)] * (most + 1)),
        modify_items_request(mine, *[(1, parameters)] * (most + 1)),
        monitoring_mode_request(mine, ua.MonitoringMode.Disabled, *range(most + 1)),
        delete_items_request(mine, *range(most + 1)),
        triggering_request(mine, 1, add=range(most + 1)),
    ):
        assert await session.refused(request) == "BadTooManyOperations", type(request).__name__


@pytest.mark.parametrize("name", ["MinSupportedSampleRate", "MaxBrowseContinuationPoints"])
async def test_the_capabilities_of_the_data_path_are_filled(session: Session, name: str) -> None:
    (data,) = await read(session, ua.NodeId(getattr(ua.ObjectIds, f"Server_ServerCapabilities_{name}")))
    assert data.StatusCode is None or data.StatusCode.is_good()
    assert data.Value is not None
    assert data.Value.Value is not None
