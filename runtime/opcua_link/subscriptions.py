"""Subscriptions of one session: their items, and the publish loop that hands on what they report."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from asyncua import ua

from plant import quality
from runtime.errors import LinkLost
from runtime.opcua_link.decoding import decoded
from runtime.opcua_link.errors import link_errors
from runtime.opcua_link.limits import NO_ROOM
from runtime.opcua_link.nodes import OnMissing, try_again
from runtime.opcua_link.records import decode
from runtime.opcua_link.responses import (
    DATA_CHANGES,
    STATUS_CHANGE,
    Published,
    read_published,
    read_status_change,
)
from runtime.opcua_link.session import Session
from runtime.opcua_link.values import Notification

OnData = Callable[[Notification], Awaitable[None]]

LAST_NUMBER = 2**32 - 1
"""Of NotificationMessages; 1 follows."""
PUBLISH_REQUESTS = 3
"""In flight at once, so that the server never waits for one while a notification is being stored; fewer where it takes
no more."""
SILENCE_S, SILENT_KEEP_ALIVES = 15.0, 3
"""So long, and for so many keep-alives, nothing at all comes before the link is lost."""


@dataclass(slots=True)
class _Subscription:
    """One that is there."""

    signals: list[str]
    on_data: OnData
    queue_size: int
    refused: list[int] = field(default_factory=list)
    """Places of signals without an item; what comes of them all the same is not handed on."""
    next: int = 1
    """Number of the next NotificationMessage."""


class Subscriptions:
    """Not by the library's own calls, which start its publish loop: that acknowledges whatever happens."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._present: dict[int, _Subscription] = {}
        self._is_any = asyncio.Event()
        self._requests = PUBLISH_REQUESTS
        self._acknowledge: list[ua.SubscriptionAcknowledgement] = []
        self._silence_s = SILENCE_S
        self.unqueued: set[str] = set()
        """Signals that the server keeps one value of only."""

    async def subscribe(
        self,
        names: Sequence[str],
        on_data: OnData,
        publishing_s: float,
        queue_size: int,
        on_missing: OnMissing,
        on_no_room: OnMissing = try_again,
    ) -> int:
        """Have `on_data` awaited with each notification, before it is acknowledged; return the id."""
        created = await self._session.answer(self._create(publishing_s))
        subscription = self._present[created] = _Subscription(list(names), on_data, queue_size)
        self._is_any.set()
        results = await self._create_items(created, subscription, range(len(names)))
        for place, (signal, result) in enumerate(zip(names, results, strict=True)):
            if not result.StatusCode.is_good():
                subscription.refused.append(place)
                status = int(result.StatusCode.value)
                tell = on_no_room if status in NO_ROOM else on_missing
                tell(signal, f"{signal}: cannot be subscribed to: {quality.name_of(status)}")
            elif result.RevisedQueueSize == 1 < queue_size:
                self.unqueued.add(signal)
        return created

    async def look_again(self) -> list[str]:
        """Ask for the items again that were refused; return the signals that have one now.

        They are to be had over the next connection, which reads back what was missed before their values go on.
        """
        found = []
        for created, subscription in list(self._present.items()):
            results = await self._create_items(created, subscription, subscription.refused)
            tried = zip(subscription.refused, results, strict=True)
            found += [subscription.signals[place] for place, result in tried if result.StatusCode.is_good()]
        return found

    async def _create_items(
        self, created: int, subscription: _Subscription, places: Sequence[int]
    ) -> list[ua.MonitoredItemCreateResult]:
        """Ask for items of some of a subscription's signals."""

        def create(part: Sequence[int]) -> Awaitable[Sequence[ua.MonitoredItemCreateResult]]:
            params = ua.CreateMonitoredItemsParameters(
                SubscriptionId=ua.UInt32(created),
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=[self._item(subscription, place) for place in part],
            )
            return self._session.services.create_monitored_items(params)

        return await self._session.answers(create, places, self._session.limits.monitored_items)

    async def unsubscribe(self, subscription: int) -> None:
        """End a subscription."""
        self._present.pop(subscription, None)
        if not self._present:
            self._is_any.clear()
        await self._session.answer(self._session.services.delete_subscriptions([subscription]))

    async def run(self) -> None:
        """Receive and hand on, for ever; ends with `LinkLost`, also when a NotificationMessage is lacking."""
        waiting: deque[asyncio.Task[Published | None]] = deque()
        try:
            while True:
                await self._is_any.wait()
                while len(waiting) < self._requests:
                    acknowledgements, self._acknowledge = self._acknowledge, []
                    waiting.append(asyncio.create_task(self._publish(acknowledgements)))
                message = await self._session.answer(self._within(waiting.popleft()))
                if message is None or message.subscription not in self._present or not message.parts:
                    continue  # a keep-alive, or of a subscription that is being made
                await self._deliver(self._present[message.subscription], message)
                self._acknowledge.append(
                    ua.SubscriptionAcknowledgement(
                        SubscriptionId=ua.UInt32(message.subscription),
                        SequenceNumber=ua.UInt32(message.sequence_number),
                    )
                )
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _within(self, answer: asyncio.Task[Published | None]) -> Published | None:
        """Wait for what is published next, as long as a server that is well may take."""
        try:
            async with asyncio.timeout(self._silence_s):
                return await answer
        except TimeoutError:
            message = f"nothing was published for {self._silence_s:g} s, not even a keep-alive"
            raise TimeoutError(message) from None

    async def _deliver(self, subscription: _Subscription, message: Published) -> None:
        number = message.sequence_number
        if number != subscription.next:
            raise LinkLost(f"the server's notification {subscription.next} is lacking: {number} came")
        subscription.next = number + 1 if number < LAST_NUMBER else 1
        for kind, body in message.parts:
            if kind == STATUS_CHANGE:
                with link_errors(self._session.where):
                    status = read_status_change(body)
                raise LinkLost(f"the server ended a subscription: {quality.name_of(status)}")
            if kind == DATA_CHANGES:
                with link_errors(self._session.where):
                    data = decode(body, subscription.signals)
                if subscription.refused:
                    data = data.take(~np.isin(data.index, subscription.refused))
                await subscription.on_data(data)

    async def _publish(self, acknowledgements: list[ua.SubscriptionAcknowledgement]) -> Published | None:
        """Return what was published; None when the last subscription has just been ended, or this was one too many."""
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = acknowledgements
        try:
            message = read_published(await self._session.send(request, timeout=0))
            ua.StatusCode(ua.UInt32(message.service_result)).check()
        except ua.uaerrors.BadTooManyPublishRequests:
            if self._requests == 1:
                raise
            self._requests -= 1
            self._acknowledge += acknowledgements
            return None
        except ua.uaerrors.BadNoSubscription:
            if self._is_any.is_set():
                raise
            return None
        return message

    async def _create(self, publishing_s: float) -> int:
        request = ua.CreateSubscriptionRequest()
        request.Parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=publishing_s * 1000.0,
            RequestedLifetimeCount=ua.UInt32(max(300, round(60 / publishing_s))),
            RequestedMaxKeepAliveCount=ua.UInt32(max(10, round(1 / publishing_s))),
            MaxNotificationsPerPublish=ua.UInt32(0),
            PublishingEnabled=True,
        )
        data = await self._session.services._send_request(request)
        response = decoded(ua.CreateSubscriptionResponse, data)
        response.ResponseHeader.ServiceResult.check()
        made = response.Parameters
        keep_alive_s = made.RevisedPublishingInterval / 1000 * made.RevisedMaxKeepAliveCount
        self._silence_s = max(self._silence_s, SILENT_KEEP_ALIVES * keep_alive_s)
        return int(made.SubscriptionId)

    def _item(self, subscription: _Subscription, place: int) -> ua.MonitoredItemCreateRequest:
        node = self._session.node_id(subscription.signals[place])
        return ua.MonitoredItemCreateRequest(
            ItemToMonitor=ua.ReadValueId(node, ua.AttributeIds.Value),
            MonitoringMode=ua.MonitoringMode.Reporting,
            RequestedParameters=ua.MonitoringParameters(
                ClientHandle=ua.UInt32(place),
                SamplingInterval=0.0,
                QueueSize=ua.UInt32(subscription.queue_size),
                DiscardOldest=True,
            ),
        )
