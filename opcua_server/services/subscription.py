"""Subscription service set (OPC 10000-4 v1.05 §5.14).

asyncua ignores ModifySubscription and MaxNotificationsPerPublish, answers Republish of anything with Good, transfers
without delivering, and lets any session touch any subscription. Here a subscription belongs to a session, or to
nobody while it waits for a transfer.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Sequence

from asyncua import ua

from opcua_server.limits import ServerLimits, require
from opcua_server.monitoring.engine import Engine
from opcua_server.monitoring.items import Items
from opcua_server.monitoring.publish_queue import PublishRequest
from opcua_server.monitoring.retransmission import Store
from opcua_server.monitoring.subscription import Subscription, Terms
from opcua_server.status import status_code
from opcua_server.subscriptions import Owner, Subscriptions, may_take
from opcua_server.wire.requests import count_of
from plant import quality

SHORTEST_MS, LONGEST_MS = 10.0, 3_600_000.0
"""Publishing intervals; the longest is also the longest lifetime, but for one of three intervals."""
MOST_ACKNOWLEDGEMENTS = 10_000
"""In one Publish request."""
_ACKNOWLEDGEMENT = struct.Struct("<II")


class SubscriptionService:
    """Creates, changes, publishes, transfers and ends subscriptions."""

    def __init__(
        self, engine: Engine, subscriptions: Subscriptions, make_items: Callable[[], Items], limits: ServerLimits
    ) -> None:
        self._engine = engine
        self._all = subscriptions
        self._make_items = make_items
        self._limits = limits
        self._store = Store()
        self._last_id = 0
        self.on_change: Callable[[], None] = lambda: None
        """Called when something may be due earlier than before."""

    def create(self, owner: Owner, params: ua.CreateSubscriptionParameters) -> ua.CreateSubscriptionResult:
        """Create a subscription (§5.14.2)."""
        if len(self._all) >= self._limits.max_subscriptions:
            self._limits.reached.note("subscriptions")
            raise ua.uaerrors.BadTooManySubscriptions
        if not self._has_room(owner):
            raise ua.uaerrors.BadTooManySubscriptions
        terms = _agree(params)
        self._last_id = self._last_id % 0xFFFF_FFFF + 1
        subscription = Subscription(
            self._last_id,
            terms,
            self._make_items(),
            self._store.open(),
            owner.queue,
            time.monotonic(),
            enabled=params.PublishingEnabled,
        )
        self._all.add(subscription, owner)
        self._engine.add(subscription)
        self.on_change()
        return ua.CreateSubscriptionResult(
            SubscriptionId=ua.UInt32(subscription.id),
            RevisedPublishingInterval=terms.publishing_ms,
            RevisedLifetimeCount=ua.UInt32(terms.lifetime_count),
            RevisedMaxKeepAliveCount=ua.UInt32(terms.keep_alive_count),
        )

    def modify(self, owner: Owner, params: ua.ModifySubscriptionParameters) -> ua.ModifySubscriptionResult:
        """Agree anew (§5.14.3)."""
        subscription = self.own(owner, params.SubscriptionId)
        terms = _agree(params)
        subscription.terms = terms
        subscription.counts.modified += 1
        subscription.due = min(subscription.due, time.monotonic() + terms.publishing_ms / 1000.0)
        self.touched(subscription)
        return ua.ModifySubscriptionResult(
            terms.publishing_ms, ua.UInt32(terms.lifetime_count), ua.UInt32(terms.keep_alive_count)
        )

    def set_publishing_mode(self, owner: Owner, ids: Sequence[int], *, enabled: bool) -> list[int]:
        """Enable or disable publishing; keep-alives go on (§5.14.4)."""
        require(len(ids), self._limits.max_subscriptions_per_session)
        codes: list[int] = []
        for subscription_id in ids:
            subscription = owner.subscriptions.get(subscription_id)
            if subscription is not None:
                if enabled != subscription.enabled:
                    subscription.counts.enabled += enabled
                    subscription.counts.disabled += not enabled
                subscription.enabled = enabled
                subscription.hear()
            codes.append(quality.GOOD if subscription else ua.StatusCodes.BadSubscriptionIdInvalid)
        return codes

    def publish(
        self, owner: Owner, body: bytes, at: int, make_request: Callable[[Sequence[int]], PublishRequest]
    ) -> None:
        """Take acknowledgements and a request, and answer what waited for one (§5.14.5)."""
        if not owner.subscriptions and not owner.queue.has_ended:
            raise ua.uaerrors.BadNoSubscription
        results: list[int] = []
        count = count_of(body, at)
        if count > MOST_ACKNOWLEDGEMENTS:
            raise ua.uaerrors.BadTooManyOperations
        for _ in range(count):
            subscription_id, sequence_number = _ACKNOWLEDGEMENT.unpack_from(body, at + 4)
            results.append(_acknowledge(owner.subscriptions.get(subscription_id), sequence_number))
            at += _ACKNOWLEDGEMENT.size
        for subscription in owner.subscriptions.values():
            subscription.hear()
        owner.queue.push(make_request(results), len(owner.subscriptions))
        now = time.monotonic()
        while owner.queue.is_ready:
            late = [subscription for subscription in owner.subscriptions.values() if subscription.is_late]
            if not late:
                return
            self._engine.flush()
            first = max(late, key=lambda each: (each.terms.priority, -each.published_at))
            first.publish(now)

    def republish(self, owner: Owner, params: ua.RepublishParameters) -> bytes:
        """Return a NotificationMessage that was sent and not acknowledged (§5.14.6)."""
        subscription = self.own(owner, params.SubscriptionId)
        message = subscription.sent.get(params.RetransmitSequenceNumber)
        subscription.counts.republish_requests += 1
        if message is None:
            raise ua.uaerrors.BadMessageNotAvailable
        subscription.counts.republished += 1
        return message

    def transfer(self, owner: Owner, ids: Sequence[int], *, send_initial: bool) -> list[ua.TransferResult]:
        """Take over subscriptions with all that waits in them (§5.14.7); each gets its answer."""
        require(len(ids), self._limits.max_subscriptions_per_session)
        return [self._transfer(owner, subscription_id, send_initial=send_initial) for subscription_id in ids]

    def delete(self, owner: Owner, ids: Sequence[int]) -> list[int]:
        """End subscriptions (§5.14.8)."""
        require(len(ids), self._limits.max_subscriptions_per_session)
        codes: list[int] = []
        for subscription_id in ids:
            subscription = owner.subscriptions.get(subscription_id)
            if subscription is not None:
                self._end(subscription)
            codes.append(quality.GOOD if subscription else ua.StatusCodes.BadSubscriptionIdInvalid)
        if not owner.subscriptions:
            owner.queue.fail_all(ua.StatusCodes.BadNoSubscription)
        return codes

    def own(self, owner: Owner, subscription_id: int) -> Subscription:
        """Return a subscription of this session, with what has changed until now sampled.

        Raises:
            ua.uaerrors.BadSubscriptionIdInvalid: when there is none, or it is another's.
        """
        subscription = owner.subscriptions.get(subscription_id)
        if subscription is None:
            raise ua.uaerrors.BadSubscriptionIdInvalid
        subscription.hear()
        self._engine.flush()
        return subscription

    def exists(self, subscription_id: int) -> bool:
        """Tell whether it is anybody's."""
        return self._all.get(subscription_id) is not None

    def touched(self, subscription: Subscription) -> None:
        """Take note that its items or intervals have changed."""
        self._all.note_items(subscription)
        self._engine.schedule(subscription)
        self.on_change()

    def close(self, owner: Owner, *, delete: bool) -> None:
        """End a session's subscriptions, or let them wait for a transfer; of too many that wait the oldest end."""
        for subscription in list(owner.subscriptions.values()):
            if delete:
                self._end(subscription)
            else:
                self._all.abandon(subscription)
        for subscription in self._all.abandoned_beyond(self._limits.settings.subscriptions_without_session):
            self._limits.reached.note("subscriptions_without_session")
            self._end(subscription)

    def expire(self, subscription: Subscription) -> None:
        """End a subscription whose client has been silent for its lifetime."""
        owner = self._all.tenure(subscription).owner
        number = subscription.next_sequence_number
        self._end(subscription)
        if owner is not None:
            owner.queue.ended(subscription.id, number, ua.StatusCodes.BadTimeout)

    def _transfer(self, owner: Owner, subscription_id: int, *, send_initial: bool) -> ua.TransferResult:
        subscription = self._all.get(subscription_id)
        if subscription is None:
            return ua.TransferResult(StatusCode=status_code(ua.StatusCodes.BadSubscriptionIdInvalid))
        subscription.counts.transfer_requests += 1
        tenure = self._all.tenure(subscription)
        before = tenure.owner
        if before is owner:
            return ua.TransferResult(StatusCode=status_code(ua.StatusCodes.BadNothingToDo))
        if not may_take(owner, tenure):
            return ua.TransferResult(StatusCode=status_code(ua.StatusCodes.BadUserAccessDenied))
        if not self._has_room(owner):
            return ua.TransferResult(StatusCode=status_code(ua.StatusCodes.BadTooManySubscriptions))
        if before is not None:
            del before.subscriptions[subscription_id]
            status = ua.StatusCodes.GoodSubscriptionTransferred
            before.queue.ended(subscription_id, subscription.next_sequence_number, status)
            if not before.subscriptions:
                before.queue.fail_all(ua.StatusCodes.BadNoSubscription)
        is_same = owner.application_uri == tenure.application_uri
        subscription.counts.to_same_client += is_same
        subscription.counts.to_other_client += not is_same
        self._all.give(subscription, owner)
        subscription.hear()
        if send_initial:
            self._engine.flush()
            subscription.items.resend()
        return ua.TransferResult(
            AvailableSequenceNumbers=[ua.UInt32(number) for number in subscription.sent.available],
        )

    def _has_room(self, owner: Owner) -> bool:
        """Tell whether a session may have one more."""
        has_room = len(owner.subscriptions) < self._limits.max_subscriptions_per_session
        if not has_room:
            self._limits.reached.note("subscriptions_per_session")
        return has_room

    def _end(self, subscription: Subscription) -> None:
        self._engine.remove(subscription)
        self._all.remove(subscription)
        subscription.sent.close()
        subscription.items.clear()


def _acknowledge(subscription: Subscription | None, sequence_number: int) -> int:
    if subscription is None:
        return ua.StatusCodes.BadSubscriptionIdInvalid
    return quality.GOOD if subscription.sent.forget(sequence_number) else ua.StatusCodes.BadSequenceNumberUnknown


def _agree(params: ua.CreateSubscriptionParameters | ua.ModifySubscriptionParameters) -> Terms:
    """Return the revised terms (§5.14.2.2): 0 keep-alives are the fewest there are, a lifetime has three at least."""
    wanted = params.RequestedPublishingInterval
    publishing_ms = min(wanted, LONGEST_MS) if wanted > SHORTEST_MS else SHORTEST_MS
    longest = int(LONGEST_MS / publishing_ms)
    keep_alives = max(min(params.RequestedMaxKeepAliveCount, longest // 3), 1)
    lifetimes = max(min(params.RequestedLifetimeCount, longest), 3 * keep_alives)
    return Terms(publishing_ms, lifetimes, keep_alives, params.MaxNotificationsPerPublish, params.Priority)
