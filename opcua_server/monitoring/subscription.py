"""A subscription: when it publishes what (OPC 10000-4 v1.05 §5.14.1)."""

from __future__ import annotations

from dataclasses import dataclass

from opcua_server.monitoring.counts import SubscriptionCounts
from opcua_server.monitoring.items import Items
from opcua_server.monitoring.notifications import NONE, Notifications
from opcua_server.monitoring.periods import due_after
from opcua_server.monitoring.publish_queue import PublishQueue, PublishRequest
from opcua_server.monitoring.retransmission import Retransmission
from opcua_server.wire.messages import notification_message, publish_response, room_for_notifications
from opcua_server.wire.records import LARGEST

MOST_NOTIFICATIONS = 50_000
"""In one message, where the client sets no less: 1.7 MB of Doubles."""
_LAST_SEQUENCE_NUMBER = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed for a subscription."""

    publishing_ms: float
    lifetime_count: int
    keep_alive_count: int
    max_notifications: int
    priority: int


class Subscription:
    """One subscription; `queue` is that of its session, None while it has none."""

    def __init__(
        self,
        subscription_id: int,
        terms: Terms,
        items: Items,
        sent: Retransmission,
        queue: PublishQueue,
        now: float,
        *,
        enabled: bool,
    ) -> None:
        self.id = subscription_id
        self.terms = terms
        self.items = items
        self.sent = sent
        """What can be republished."""
        self.queue: PublishQueue | None = queue
        self.enabled = enabled
        self.due = now + terms.publishing_ms / 1000.0
        """When its publishing timer expires next, monotonic seconds."""
        self.is_late = False
        """It has something to say, and no request came to say it by."""
        self.is_expired = False
        self.published_at = 0.0
        """When a request was last answered, monotonic seconds: late subscriptions take turns."""
        self.published = 0
        """Monitored item notifications sent."""
        self.counts = SubscriptionCounts()
        self._sequence_number = 1
        self._silent = 0
        self._unheard = 0
        self._has_spoken = False
        self._left = NONE
        """Notifications that were taken from their queues and did not fit the last response."""

    @property
    def next_sequence_number(self) -> int:
        """Sequence number of the next message that has data."""
        return self._sequence_number

    @property
    def lifetime_count(self) -> int:
        """Publishing cycles since the client has last given a sign of life."""
        return self._unheard

    def count_anew(self) -> None:
        """Begin to count for diagnostics."""
        self.counts = SubscriptionCounts(
            event_overflows_before=self.items.event_overflows,
            overflows_before=self.items.overflows,
            discarded_before=self.sent.discarded,
        )

    def hear(self) -> None:
        """Take note of a sign of life of the client."""
        self._unheard = 0

    def on_timer(self, now: float) -> None:
        """Publish what is to be published in this cycle."""
        period = self.terms.publishing_ms / 1000.0
        self.due = due_after(self.due, period, now)
        has_data = self.enabled and (bool(self._left) or self.items.has_waiting())
        self._silent += 1
        must_speak = has_data or self.is_late or not self._has_spoken or self._silent >= self.terms.keep_alive_count
        if self.queue is not None:
            self.queue.expire(now)
        if self.queue is not None and self.queue.is_ready:
            self._unheard = 0
            if must_speak:
                self.publish(now)
            return
        self._unheard += 1
        if must_speak:
            self._be_late()
        self.is_expired = self._unheard >= self.terms.lifetime_count

    def publish(self, now: float) -> None:
        """Answer requests as long as there is something to say; at least one, by a keep-alive."""
        while self.queue is not None and (request := self.queue.pop(now)) is not None:
            self.published_at = now
            self.is_late = self._answer(request)
            if not self.is_late:
                return
        self._be_late()

    def _be_late(self) -> None:
        self.counts.late += not self.is_late
        self.is_late = True

    def _answer(self, request: PublishRequest) -> bool:
        """Answer by what waits; tell whether there is more."""
        taken, more = self._take(request) if self.enabled else (NONE, False)
        self.published += taken.count
        self.counts.publish_requests += 1
        self.counts.data_changes += taken.count - len(taken.events)
        self.counts.events += len(taken.events)
        self.counts.keep_alives += not taken.count
        if taken.count:
            message = notification_message(self._sequence_number, taken.encoded())
            self.sent.keep(self._sequence_number, message)
            self._sequence_number = self._sequence_number % _LAST_SEQUENCE_NUMBER + 1
        else:
            message = notification_message(self._sequence_number, [])
        self._silent = 0
        self._has_spoken = True
        available = self.sent.available
        request.send(publish_response(request.handle, self.id, available, message, request.results, more=more))
        return more

    def _take(self, request: PublishRequest) -> tuple[Notifications, bool]:
        """Return notifications that fit the response, at least one, and whether there are more.

        Those of fixed width fit by their number; of others, which come last and are a part each, some may be left.
        """
        room = room_for_notifications(request.most_bytes, len(self.sent.available) + 1, len(request.results))
        limit = min(self.terms.max_notifications or MOST_NOTIFICATIONS, MOST_NOTIFICATIONS, max(1, room // LARGEST))
        was_left = bool(self._left)
        if was_left:
            taken, left = self._left.first(limit)
        else:
            taken, left = self.items.take(limit), NONE
        more = (was_left or taken.count >= limit) and self.items.has_waiting()
        taken, unfit = taken.fitting(room)
        self._left = unfit + left
        return taken, more or bool(self._left)
