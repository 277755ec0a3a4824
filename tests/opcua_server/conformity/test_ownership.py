"""A subscription is its session's: no other may touch it (OPC 10000-4 v1.05 §5.14.1), before or after a transfer."""

from __future__ import annotations

import pytest
from asyncua import ua

from .services import (
    SERVER,
    SP,
    UINT32,
    call_request,
    changes,
    delete_items_request,
    delete_subscriptions_request,
    item,
    modify_items_request,
    modify_subscription_request,
    monitor,
    monitor_request,
    monitoring_mode_request,
    names,
    publish,
    publishing_mode_request,
    put,
    republish_request,
    subscribe,
    triggering_request,
    values,
)
from .wire import Session

BAD = "BadSubscriptionIdInvalid"


async def test_another_session_can_do_nothing_to_my_subscription(session: Session, other: Session) -> None:
    await put(session, SP, 320.0)
    mine = (await subscribe(session)).SubscriptionId
    created = (await monitor(session, mine, SP)).MonitoredItemId
    sent = (await publish(session)).NotificationMessage.SequenceNumber
    parameters = ua.MonitoringParameters(9, 0.0, None, 1, True)
    for request in (
        modify_subscription_request(mine, 5000.0),
        republish_request(mine, sent),
        monitor_request(mine, item(SP)),
        modify_items_request(mine, (created, parameters)),
        monitoring_mode_request(mine, ua.MonitoringMode.Disabled, created),
        triggering_request(mine, created, add=[created]),
        delete_items_request(mine, created),
    ):
        assert await other.refused(request) == BAD, type(request).__name__
    off = await other.call(publishing_mode_request(False, mine))
    assert names(off.Parameters.Results) == [BAD]
    assert names((await other.call(delete_subscriptions_request(mine))).Results) == [BAD]
    await put(session, SP, 321.0, 322.0)
    assert await values(session) == [321.0, 322.0]


async def test_another_session_cannot_acknowledge_my_messages(session: Session, other: Session) -> None:
    mine = (await subscribe(session)).SubscriptionId
    await monitor(session, mine, SP)
    sent = (await publish(session)).NotificationMessage.SequenceNumber
    await subscribe(other)
    assert names((await publish(other, (mine, sent))).Results) == [BAD]
    assert (await session.call(republish_request(mine, sent))).NotificationMessage.SequenceNumber == sent


async def test_another_sessions_publish_requests_get_none_of_my_values(session: Session, other: Session) -> None:
    mine = (await subscribe(session)).SubscriptionId
    await monitor(session, mine, SP)
    await subscribe(other)
    assert await changes(other) == []
    assert len(await changes(session)) == 1


@pytest.mark.parametrize("method", ["Server_GetMonitoredItems", "Server_ResendData"])
async def test_another_session_cannot_call_the_methods_of_my_subscription(
    session: Session, other: Session, method: str
) -> None:
    mine = (await subscribe(session)).SubscriptionId
    request = call_request(SERVER, ua.NodeId(getattr(ua.ObjectIds, method)), ua.Variant(mine, UINT32))
    (result,) = (await other.call(request)).Results
    assert result.StatusCode.name == "BadUserAccessDenied"


async def test_subscriptions_end_with_their_session_if_it_says_so(session: Session, other: Session) -> None:
    kept = (await subscribe(other)).SubscriptionId
    mine = (await subscribe(session)).SubscriptionId
    await session.close(delete_subscriptions=True)
    assert names((await other.call(publishing_mode_request(True, mine, kept))).Parameters.Results) == [BAD, "Good"]
