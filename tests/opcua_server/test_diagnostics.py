"""ServerDiagnostics over the wire: what clients do is counted, and seen while it is enabled."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua

from opcua_server.diagnostics.counts import ServerCounts, SessionCounts
from opcua_server.diagnostics.secrecy import is_secret
from runtime.pki.own import application_uri, own_identities

from . import diagnostics_types
from .conformity.services import (
    KC,
    SP,
    T,
    changes,
    changes_of,
    delete_items_request,
    event_filter,
    event_item,
    events,
    modify_subscription_request,
    monitor,
    monitor_all,
    monitoring_mode_request,
    publish,
    publish_request,
    publishing_mode_request,
    put,
    read,
    republish_request,
    rvid,
    subscribe,
    transfer,
    triggering_request,
    write,
    write_value,
)
from .conformity.wire import Application, Connection, Session, begin, connected
from .conftest import Serving

diagnostics_types.register()

IDS = ua.ObjectIds
READ = IDS.ReadRequest_Encoding_DefaultBinary
CREATE_SESSION = IDS.CreateSessionRequest_Encoding_DefaultBinary
SUMMARY = ua.NodeId(IDS.Server_ServerDiagnostics_ServerDiagnosticsSummary)
ENABLED = ua.NodeId(IDS.Server_ServerDiagnostics_EnabledFlag)
SUBSCRIPTIONS = ua.NodeId(IDS.Server_ServerDiagnostics_SubscriptionDiagnosticsArray)
SESSIONS_SUMMARY = ua.NodeId(IDS.Server_ServerDiagnostics_SessionsDiagnosticsSummary)
SESSIONS = ua.NodeId(IDS.Server_ServerDiagnostics_SessionsDiagnosticsSummary_SessionDiagnosticsArray)
SECURITIES = ua.NodeId(IDS.Server_ServerDiagnostics_SessionsDiagnosticsSummary_SessionSecurityDiagnosticsArray)
CURRENT_TIME = ua.NodeId(IDS.Server_ServerStatus_CurrentTime)
STATE = ua.NodeId(IDS.Server_ServerStatus_State)
BOOLEAN = ua.VariantType.Boolean


async def value(session: Session, node: ua.NodeId) -> Any:
    (data,) = await read(session, node)
    assert data.StatusCode.is_good(), data.StatusCode.name
    return data.Value.Value


async def children(session: Session, node: ua.NodeId) -> dict[str, ua.NodeId]:
    """Return the components of a node by their names."""
    wanted = ua.BrowseDescription(
        NodeId=node,
        BrowseDirection=ua.BrowseDirection.Forward,
        ReferenceTypeId=ua.NodeId(IDS.Aggregates),
        IncludeSubtypes=True,
        NodeClassMask=0,
        ResultMask=ua.BrowseResultMask.All,
    )
    request = ua.BrowseRequest(Parameters=ua.BrowseParameters(NodesToBrowse=[wanted]))
    (result,) = (await session.call(request)).Results
    result.StatusCode.check()
    return {reference.BrowseName.Name: reference.NodeId for reference in result.References}


async def of_session(session: Session, of: Session) -> ua.SessionDiagnosticsDataType:
    """Return the diagnostics of a session."""
    all_ = await value(session, SESSIONS)
    (found,) = [each for each in all_ if each.SessionId == of.created.SessionId]
    return found


async def of_subscription(session: Session, subscription: int) -> ua.SubscriptionDiagnosticsDataType:
    all_ = await value(session, SUBSCRIPTIONS)
    (found,) = [each for each in all_ if each.SubscriptionId == subscription]
    return found


async def until_it_is_late(session: Session, subscription: int) -> None:
    """Wait for a publishing cycle that has something to say and nobody who asked."""
    async with asyncio.timeout(30.0):
        while not (await of_subscription(session, subscription)).LatePublishRequestCount:  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.02)


async def agrees(session: Session, node: ua.NodeId, volatile: set[str]) -> None:
    """Check that each component of a Variable is a field of its structure; the volatile change by being read."""
    parts = await children(session, node)
    structure = await value(session, node)
    names = set(type(structure).__dataclass_fields__)
    assert {name if name != "Encoding" else "EncodingName" for name in parts} == names
    for name, part in parts.items():
        if name not in volatile:
            field = getattr(structure, "EncodingName" if name == "Encoding" else name)
            assert await value(session, part) == field, name


async def test_the_summary_counts_sessions_subscriptions_and_what_was_rejected(serving: Serving) -> None:
    async with serving() as endpoint, connected(endpoint) as session:
        before = await value(session, SUMMARY)
        async with connected(endpoint) as other:
            await subscribe(other, 50.0)
            await subscribe(other, 70.0)
            during = await value(session, SUMMARY)
        stranger = Client(endpoint)
        stranger.set_user("nobody")
        stranger.set_password("wrong")
        with pytest.raises(ua.uaerrors.BadUserAccessDenied):
            await stranger.connect()
        assert await session.refused(triggering_request(4_000_000, 1)) == "BadSubscriptionIdInvalid"
        after = await value(session, SUMMARY)
        assert (before.CurrentSessionCount, before.CumulatedSessionCount) == (1, 1)
        assert (during.CurrentSessionCount, during.CumulatedSessionCount) == (2, 2)
        assert (during.CurrentSubscriptionCount, during.CumulatedSubscriptionCount) == (2, 2)
        assert during.PublishingIntervalCount == 2
        assert (after.CumulatedSessionCount, after.CumulatedSubscriptionCount) == (3, 2)
        assert (after.CurrentSubscriptionCount, after.PublishingIntervalCount) == (0, 0)
        assert (before.RejectedSessionCount, before.RejectedRequestsCount) == (0, 0)
        assert (after.RejectedSessionCount, after.SecurityRejectedSessionCount) == (1, 1)
        assert (after.RejectedRequestsCount, after.SecurityRejectedRequestsCount) == (2, 1)
        await agrees(session, SUMMARY, set())


async def test_a_session_that_times_out_is_counted(serving: Serving) -> None:
    async with serving() as endpoint, connected(endpoint) as session:
        async with connected(endpoint, timeout_ms=1.0) as brief:
            wanted = brief.created.RevisedSessionTimeout / 1000.0
            await asyncio.sleep(wanted + 0.5)
            summary = await value(session, SUMMARY)
        assert (summary.SessionTimeoutCount, summary.CurrentSessionCount) == (1, 1)


async def test_each_session_has_an_object_that_comes_and_goes_with_it(serving: Serving) -> None:
    async with serving() as endpoint, connected(endpoint) as session:
        async with connected(endpoint) as other:
            objects = await children(session, SESSIONS_SUMMARY)
            assert other.created.SessionId in objects.values()
            parts = await children(session, other.created.SessionId)
            assert set(parts) == {"SessionDiagnostics", "SessionSecurityDiagnostics", "SubscriptionDiagnosticsArray"}
            volatile = {"TotalRequestCount", "ReadCount", "BrowseCount", "ClientLastContactTime"}
            await agrees(session, parts["SessionDiagnostics"], volatile)
            await agrees(session, parts["SessionSecurityDiagnostics"], set())
            listed = (await children(session, SESSIONS)).items()
            assert ("SessionDiagnostics", parts["SessionDiagnostics"]) in listed or len(listed) == 1
        assert other.created.SessionId not in (await children(session, SESSIONS_SUMMARY)).values()
        own = str(session.created.SessionId.Identifier)
        odd = (own, own.upper() + ".SessionDiagnostics", own + ".Nothing", own + ".SessionDiagnostics.Nothing")
        odd += ("Subscription", "Subscription.x", "Subscription." + "9" * 5_000, "Subscription.1")
        found = await read(session, *(ua.NodeId(path, 1) for path in odd), ua.NodeId(7, 1), ua.NodeId(b"7", 1))
        assert {data.StatusCode.name for data in found} == {"BadNodeIdUnknown"}
        (gone,) = await read(session, rvid(parts["SessionDiagnostics"]))
        assert gone.StatusCode.name == "BadNodeIdUnknown"


async def test_a_session_counts_its_requests_and_its_errors(serving: Serving) -> None:
    async with serving() as endpoint, connected(endpoint) as session, connected(endpoint) as other:
        await read(other, T)
        await read(other, T, KC)
        await write(other, write_value(SP, 351.0))
        assert await other.refused(triggering_request(4_000_000, 1)) == "BadSubscriptionIdInvalid"
        assert await other.refused(ua.QueryFirstRequest()) == "BadServiceUnsupported"
        subscription = (await subscribe(other)).SubscriptionId
        await monitor(other, subscription, T)
        other.send(publish_request())
        await changes(other)
        found = await of_session(session, other)
        assert (found.ReadCount.TotalCount, found.ReadCount.ErrorCount) == (2, 0)
        assert (found.WriteCount.TotalCount, found.WriteCount.ErrorCount) == (1, 0)
        assert (found.SetTriggeringCount.TotalCount, found.SetTriggeringCount.ErrorCount) == (1, 1)
        assert (found.QueryFirstCount.TotalCount, found.QueryFirstCount.ErrorCount) == (1, 1)
        assert found.CreateSubscriptionCount.TotalCount == found.CreateMonitoredItemsCount.TotalCount == 1
        assert found.PublishCount.TotalCount >= 2
        assert (found.TotalRequestCount.ErrorCount, found.UnauthorizedRequestCount) == (2, 0)
        assert found.TotalRequestCount.TotalCount >= 8
        assert (found.CurrentSubscriptionsCount, found.CurrentMonitoredItemsCount) == (1, 1)
        assert found.SessionName == "wire"
        assert found.ClientDescription.ApplicationUri == "urn:wire"
        assert found.EndpointUrl == "opc.tcp://127.0.0.1"
        assert found.LocaleIds == ["en"]
        assert found.ActualSessionTimeout == 60_000.0
        assert found.ClientConnectionTime <= found.ClientLastContactTime


async def test_security_diagnostics_say_who_and_how(serving: Serving, data: Path) -> None:
    application = Application(application_uri("wire"), own_identities(data / "pki", (), "wire")[0])
    async with serving() as endpoint, connected(endpoint) as session, connected(endpoint, application) as secured:
        found = {each.SessionId: each for each in await value(session, SECURITIES)}
        plain, encrypted = found[session.created.SessionId], found[secured.created.SessionId]
        assert plain.SecurityMode == ua.MessageSecurityMode.None_
        assert (plain.AuthenticationMechanism, plain.EncodingName, plain.TransportProtocol) == (
            "Anonymous",
            "UA Binary",
            "opc.tcp",
        )
        assert encrypted.SecurityMode == ua.MessageSecurityMode.SignAndEncrypt
        assert encrypted.SecurityPolicyUri.endswith("#Basic256Sha256")
        assert encrypted.ClientCertificate == secured.connection.policy.host_certificate
        assert (plain.ClientUserIdOfSession or "", len(plain.ClientUserIdHistory)) == ("", 1)


async def test_a_subscription_counts_what_becomes_of_it(serving: Serving) -> None:
    async with serving() as endpoint, connected(endpoint) as session, connected(endpoint) as other:
        created = await subscribe(other, 50.0, keep_alive=2, lifetime=600, most=500, priority=7)
        subscription = created.SubscriptionId
        first = await monitor(other, subscription, SP, queue=2)
        second = await monitor(other, subscription, KC)
        await other.call(monitoring_mode_request(subscription, ua.MonitoringMode.Disabled, second.MonitoredItemId))
        await put(other, SP, 351.0, 352.0, 353.0, 354.0)
        await until_it_is_late(other, subscription)
        message = (await publish(other)).NotificationMessage
        sent = len(changes_of(message))
        await other.call(republish_request(subscription, message.SequenceNumber))
        assert await other.refused(republish_request(subscription, 4_000)) == "BadMessageNotAvailable"
        await other.call(modify_subscription_request(subscription, 60.0, keep_alive=2, lifetime=600, most=500))
        await other.call(publishing_mode_request(False, subscription))
        await other.call(publishing_mode_request(True, subscription))
        (moved,) = await transfer(session, subscription)
        assert moved.StatusCode.is_good()
        found = await of_subscription(session, subscription)
        assert found.SessionId == session.created.SessionId
        assert (found.Priority, found.PublishingInterval, found.MaxKeepAliveCount) == (0, 60.0, 2)
        assert (found.MaxLifetimeCount, found.MaxNotificationsPerPublish, found.PublishingEnabled) == (600, 500, True)
        assert (found.ModifyCount, found.EnableCount, found.DisableCount) == (1, 1, 1)
        assert (found.RepublishRequestCount, found.RepublishMessageRequestCount) == (2, 2)
        assert found.RepublishMessageCount == 1
        assert (found.TransferRequestCount, found.TransferredToSameClientCount) == (1, 1)
        assert found.TransferredToAltClientCount == 0
        assert (found.MonitoredItemCount, found.DisabledMonitoredItemCount) == (2, 1)
        assert found.DataChangeNotificationsCount == found.NotificationsCount == sent
        assert found.MonitoringQueueOverflowCount > 0
        assert found.UnacknowledgedMessageCount == 1
        assert found.PublishRequestCount >= 1
        assert found.LatePublishRequestCount >= 1
        assert found.NextSequenceNumber == message.SequenceNumber + 1
        assert first.MonitoredItemId != second.MonitoredItemId
        array = (await children(session, session.created.SessionId))["SubscriptionDiagnosticsArray"]
        (own,) = await value(session, array)
        assert own.SubscriptionId == subscription
        (node,) = (await children(session, array)).values()
        assert node in (await children(session, SUBSCRIPTIONS)).values()
        await agrees(session, node, {"CurrentLifetimeCount", "LatePublishRequestCount"})


async def test_events_are_counted_and_that_some_were_lost(serving: Serving) -> None:
    async with serving() as endpoint, connected(endpoint) as session:
        subscription = (await subscribe(session, 50.0)).SubscriptionId
        item = event_item(event_filter("Message"), queue=2)
        (result,) = await monitor_all(session, subscription, item)
        assert result.StatusCode.is_good()
        await write(session, *(write_value(SP, 351.0 + number) for number in range(4)))
        found = await of_subscription(session, subscription)
        assert (found.EventQueueOverflowCount, found.MonitoringQueueOverflowCount) == (1, 2)
        sent = len(await events(session))
        found = await of_subscription(session, subscription)
        assert found.EventNotificationsCount == found.NotificationsCount == sent > 2
        assert (found.MonitoredItemCount, found.DisabledMonitoredItemCount) == (1, 0)
        assert found.DataChangeNotificationsCount == 0


async def test_keep_alives_are_counted(serving: Serving) -> None:
    async with serving() as endpoint, connected(endpoint) as session:
        subscription = (await subscribe(session, 20.0)).SubscriptionId
        for _ in range(3):
            assert not (await publish(session)).NotificationMessage.NotificationData
        assert (await of_subscription(session, subscription)).CurrentKeepAliveCount == 3


async def test_without_diagnostics_there_are_none_and_enabling_them_begins_anew(serving: Serving) -> None:
    async with serving() as endpoint, connected(endpoint) as session:
        await subscribe(session)
        await read(session, T)
        assert await value(session, ENABLED) is True
        assert await write(session, write_value(ENABLED, 1.0)) == ["BadTypeMismatch"]
        assert await write(session, write_value(ENABLED, False, BOOLEAN)) == ["Good"]
        assert await value(session, ENABLED) is False
        nodes = (SUMMARY, SESSIONS, SECURITIES, SUBSCRIPTIONS, session.created.SessionId)
        assert {data.StatusCode.name for data in await read(session, *nodes)} == {"BadNodeIdUnknown"}
        assert session.created.SessionId not in (await children(session, SESSIONS_SUMMARY)).values()
        assert await write(session, write_value(ENABLED, True, BOOLEAN)) == ["Good"]
        assert (await of_session(session, session)).ReadCount.TotalCount == 1
        summary = await value(session, SUMMARY)
        assert (summary.CumulatedSessionCount, summary.CumulatedSubscriptionCount) == (1, 1)


async def test_the_flag_is_for_administrators_and_nothing_else_is_written(serving: Serving) -> None:
    async with (
        serving({"server.anonymous_roles": ["Operator"]}) as endpoint,
        connected(endpoint) as session,
    ):
        assert await write(session, write_value(ENABLED, False, BOOLEAN)) == ["BadUserAccessDenied"]
        assert await write(session, write_value(SUMMARY, 0)) == ["BadNotWritable"]
        assert await value(session, ENABLED) is True


async def test_diagnostics_are_sampled_once_a_second_at_most(serving: Serving) -> None:
    async with serving() as endpoint, connected(endpoint) as session:
        subscription = (await subscribe(session)).SubscriptionId
        result = await monitor(session, subscription, SUMMARY, sampling_ms=100.0)
        assert result.RevisedSamplingInterval == 1_000.0
        clock = await monitor(session, subscription, CURRENT_TIME, 2, sampling_ms=100.0)
        assert clock.RevisedSamplingInterval == 100.0
        await session.call(delete_items_request(subscription, clock.MonitoredItemId))
        assert [change.value.CurrentSessionCount for change in await changes(session) if change.handle == 1] == [1]
        async with connected(endpoint), asyncio.timeout(5):
            counts = {1}
            while 2 not in counts:
                counts = {change.value.CurrentSessionCount for change in await changes(session) if change.handle == 1}


async def test_a_shutdown_is_told_before_the_end(serving: Serving) -> None:
    async with serving() as endpoint:
        session = await begin(await Connection.open(endpoint))
        subscription = (await subscribe(session, 60_000.0)).SubscriptionId
        await monitor(session, subscription, STATE)
        told = session.send(publish_request())
        await read(session, STATE)
    states = [change.value for change in changes_of((await told).Parameters.NotificationMessage)]
    assert states == [ua.ServerState.Running, ua.ServerState.Shutdown]
    await session.connection.drop()


def test_security_rejections_are_told_apart() -> None:
    counts = ServerCounts()
    counts.reject(READ, ua.StatusCodes.BadNothingToDo)
    counts.reject(CREATE_SESSION, ua.StatusCodes.BadTooManySessions)
    counts.reject(CREATE_SESSION, ua.StatusCodes.BadCertificateUntrusted)
    counts.reject(READ, ua.StatusCodes.BadTimeout)
    assert (counts.rejected_requests, counts.security_rejected_requests) == (3, 1)
    assert (counts.rejected_sessions, counts.security_rejected_sessions) == (2, 1)
    counts.reset(sessions=4)
    assert (counts.sessions, counts.rejected_requests, counts.rejected_sessions) == (4, 0, 0)


def test_a_sessions_failures_are_the_servers_too() -> None:
    counts = SessionCounts(ServerCounts())
    counts.fail(READ, ua.StatusCodes.BadUserAccessDenied)
    assert (counts.errors[READ], counts.unauthorized, counts.server.security_rejected_requests) == (1, 1, 1)


@pytest.mark.parametrize(
    ("node_id", "secret"),
    [
        (SECURITIES, True),
        (SESSIONS, False),
        (ua.NodeId("c0ffee00-0000-4000-8000-000000000003.SessionSecurityDiagnostics", 1), True),
        (ua.NodeId("c0ffee00-0000-4000-8000-000000000003.SessionSecurityDiagnostics.ClientCertificate", 1), True),
        (ua.NodeId("c0ffee00-0000-4000-8000-000000000003.SessionDiagnostics", 1), False),
        (ua.NodeId(uuid.UUID(int=3), 1), False),
        (ua.NodeId("R101.T", 2), False),
    ],
)
def test_which_nodes_are_for_the_security_admin(node_id: ua.NodeId, secret: bool) -> None:
    assert is_secret(node_id) is secret
