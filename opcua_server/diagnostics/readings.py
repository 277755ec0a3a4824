"""What each field of the diagnostic structures is, by its name (OPC 10000-5 v1.05 §12.11, §12.12, §12.15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from asyncua import ua

from opcua_server.monitoring.subscription import Subscription
from opcua_server.session import PlantSession
from opcua_server.wire.messages import ANY_SIZE

Readings: TypeAlias = Mapping[str, Callable[[Any], Any]]


@dataclass(frozen=True, slots=True)
class Owned:
    """A subscription and the SessionId of its session."""

    subscription: Subscription
    session_id: ua.NodeId


def _service(name: str) -> Callable[[PlantSession], ua.ServiceCounterDataType]:
    request = getattr(ua.ObjectIds, f"{name.removesuffix('Count')}Request_Encoding_DefaultBinary")
    return lambda session: _counter(session.counts.requests.get(request, 0), session.counts.errors.get(request, 0))


def _counter(total: int, errors: int) -> ua.ServiceCounterDataType:
    return ua.ServiceCounterDataType(ua.UInt32(total), ua.UInt32(errors))


_SESSION: Readings = {
    "SessionId": lambda session: session.id,
    "SessionName": lambda session: session.client.session_name,
    "ClientDescription": lambda session: session.client.description,
    "ServerUri": lambda session: session.client.server_uri,
    "EndpointUrl": lambda session: session.client.endpoint_url,
    "LocaleIds": lambda session: list(session.locale_ids),
    "ActualSessionTimeout": lambda session: session.timeout_s * 1000.0,
    "MaxResponseMessageSize": lambda session: ua.UInt32(0 if session.most_bytes == ANY_SIZE else session.most_bytes),
    "ClientConnectionTime": lambda session: session.begun,
    "ClientLastContactTime": lambda session: session.last_contact,
    "CurrentSubscriptionsCount": lambda session: ua.UInt32(len(session.subscriptions)),
    "CurrentMonitoredItemsCount": lambda session: ua.UInt32(sum(len(s.items) for s in session.subscriptions.values())),
    "CurrentPublishRequestsInQueue": lambda session: ua.UInt32(len(session.queue)),
    "TotalRequestCount": lambda session: _counter(
        sum(session.counts.requests.values()), sum(session.counts.errors.values())
    ),
    "UnauthorizedRequestCount": lambda session: ua.UInt32(session.counts.unauthorized),
}
SESSION: Readings = {
    field.name: _SESSION.get(field.name) or _service(field.name) for field in fields(ua.SessionDiagnosticsDataType)
}
"""Of a `PlantSession`; what is not named above counts a service."""
SECURITY: Readings = {
    "SessionId": lambda session: session.id,
    "ClientUserIdOfSession": lambda session: session.first_user,
    "ClientUserIdHistory": lambda session: list(session.users),
    "AuthenticationMechanism": lambda session: session.mechanism,
    "Encoding": lambda session: "UA Binary",
    "TransportProtocol": lambda session: "opc.tcp",
    "SecurityMode": lambda session: session.offer.mode,
    "SecurityPolicyUri": lambda session: session.offer.uri,
    "ClientCertificate": lambda session: session.client.certificate,
}
"""Of a `PlantSession`."""
SUBSCRIPTION: Readings = {
    "SessionId": lambda owned: owned.session_id,
    "SubscriptionId": lambda owned: ua.UInt32(owned.subscription.id),
    "Priority": lambda owned: ua.Byte(owned.subscription.terms.priority),
    "PublishingInterval": lambda owned: owned.subscription.terms.publishing_ms,
    "MaxKeepAliveCount": lambda owned: ua.UInt32(owned.subscription.terms.keep_alive_count),
    "MaxLifetimeCount": lambda owned: ua.UInt32(owned.subscription.terms.lifetime_count),
    "MaxNotificationsPerPublish": lambda owned: ua.UInt32(owned.subscription.terms.max_notifications),
    "PublishingEnabled": lambda owned: owned.subscription.enabled,
    "ModifyCount": lambda owned: ua.UInt32(owned.subscription.counts.modified),
    "EnableCount": lambda owned: ua.UInt32(owned.subscription.counts.enabled),
    "DisableCount": lambda owned: ua.UInt32(owned.subscription.counts.disabled),
    "RepublishRequestCount": lambda owned: ua.UInt32(owned.subscription.counts.republish_requests),
    "RepublishMessageRequestCount": lambda owned: ua.UInt32(owned.subscription.counts.republish_requests),
    "RepublishMessageCount": lambda owned: ua.UInt32(owned.subscription.counts.republished),
    "TransferRequestCount": lambda owned: ua.UInt32(owned.subscription.counts.transfer_requests),
    "TransferredToAltClientCount": lambda owned: ua.UInt32(owned.subscription.counts.to_other_client),
    "TransferredToSameClientCount": lambda owned: ua.UInt32(owned.subscription.counts.to_same_client),
    "PublishRequestCount": lambda owned: ua.UInt32(owned.subscription.counts.publish_requests),
    "DataChangeNotificationsCount": lambda owned: ua.UInt32(owned.subscription.counts.data_changes),
    "EventNotificationsCount": lambda owned: ua.UInt32(owned.subscription.counts.events),
    "NotificationsCount": lambda owned: ua.UInt32(
        owned.subscription.counts.data_changes + owned.subscription.counts.events
    ),
    "LatePublishRequestCount": lambda owned: ua.UInt32(owned.subscription.counts.late),
    "CurrentKeepAliveCount": lambda owned: ua.UInt32(owned.subscription.counts.keep_alives),
    "CurrentLifetimeCount": lambda owned: ua.UInt32(owned.subscription.lifetime_count),
    "UnacknowledgedMessageCount": lambda owned: ua.UInt32(len(owned.subscription.sent)),
    "DiscardedMessageCount": lambda owned: ua.UInt32(
        owned.subscription.sent.discarded - owned.subscription.counts.discarded_before
    ),
    "MonitoredItemCount": lambda owned: ua.UInt32(len(owned.subscription.items)),
    "DisabledMonitoredItemCount": lambda owned: ua.UInt32(owned.subscription.items.disabled),
    "MonitoringQueueOverflowCount": lambda owned: ua.UInt32(
        owned.subscription.items.overflows - owned.subscription.counts.overflows_before
    ),
    "NextSequenceNumber": lambda owned: ua.UInt32(owned.subscription.next_sequence_number),
    "EventQueueOverflowCount": lambda owned: ua.UInt32(
        owned.subscription.items.event_overflows - owned.subscription.counts.event_overflows_before
    ),
}
"""Of an `Owned`."""
