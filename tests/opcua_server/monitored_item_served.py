"""A subscription whose every answer is compared with its model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from opcua_server.bank import Bank
from opcua_server.monitoring.item import Item
from opcua_server.monitoring.items import Items
from opcua_server.monitoring.publish_queue import PublishQueue, PublishRequest
from opcua_server.monitoring.retransmission import MOST_KEPT, Store
from opcua_server.monitoring.subscription import Subscription, Terms
from opcua_server.wire.records import SERVER, SOURCE
from plant import quality
from runtime.opcua_link.filetime import ticks_of

from .monitored_item_model import ModelItem, ModelSubscription, Notification

SCAN_S = 0.125


class Served:
    """A subscription, what its client received, and the model of what it should have."""

    def __init__(self, number: int, bank: Bank, *, columnar: bool, model: ModelSubscription) -> None:
        terms = Terms(2000 * SCAN_S, 1_000_000, 3, 0, 0)
        items = Items(bank, columnar=columnar)
        self.real = Subscription(number, terms, items, Store().open(), PublishQueue(), 0.0, enabled=True)
        self.model = model
        self.types = bank.types
        self.unacknowledged: dict[int, bytes] = {}
        self.next_number = 1

    def find(self, item_ids: Iterable[int]) -> list[Item]:
        """Return the items of these ids."""
        items = [self.real.items.get(item_id) for item_id in item_ids]
        return [item for item in items if item is not None]

    def request(self, count: int, now: float) -> None:
        """Ask for publishing, as the service does."""
        queue = self.real.queue
        assert queue is not None
        for _ in range(count):
            queue.push(
                PublishRequest(7, float("inf"), [], self.receive, lambda _code: None, lambda: False), subscriptions=1
            )
        if self.real.is_late:
            self.real.publish(now)

    def receive(self, body: bytes) -> None:
        """Compare a PublishResponse with what the model has queued."""
        result = struct_from_binary(ua.PublishResponse, Buffer(body)).Parameters
        message = result.NotificationMessage
        assert message.SequenceNumber == self.next_number
        found = [each for data in message.NotificationData for each in data.MonitoredItems]
        limit = self.real.terms.max_notifications or 1_000_000
        expected = min(limit, self.model.released()) if self.real.enabled else 0
        assert len(found) == expected
        by_handle = {item.wanted.handle: item for item in self.model.items.values()}
        for each in found:
            item = by_handle[each.ClientHandle]
            assert item.queue, "more than was sampled"
            notification = item.queue.pop(0)
            assert notification.is_released
            assert shown(each.Value) == self.shown_of(item, notification)
        assert result.MoreNotifications == (self.real.enabled and self.model.released() > 0)
        if found:
            kept = self.real.sent.get(message.SequenceNumber)
            assert kept is not None
            assert kept in body
            self.unacknowledged[message.SequenceNumber] = kept
            if len(self.unacknowledged) > MOST_KEPT:
                del self.unacknowledged[min(self.unacknowledged)]
            self.next_number += 1
        assert list(result.AvailableSequenceNumbers) == list(self.unacknowledged)

    def shown_of(self, item: ModelItem, notification: Notification) -> tuple[Any, ...]:
        """Return what is to arrive for a sample."""
        cell, times = notification.cell, item.wanted.times
        variant = None if cell.value is None else (int(self.types[item.row]), repr(cell.value))
        source, server = cell.source if times & SOURCE else 0, cell.server if times & SERVER else 0
        return variant, notification.status, source, server


def shown(data: ua.DataValue) -> tuple[Any, ...]:
    """Return what arrived; the time 0 is none."""
    variant: Any = data.Value
    value = variant.Value
    if isinstance(value, ua.LocalizedText):
        value = value.Text or ""
    if variant.VariantType is ua.VariantType.DateTime:
        value = ticks_of(value)
    pair = None if variant.VariantType is ua.VariantType.Null else (variant.VariantType.value, repr(value))
    status = data.StatusCode.value if data.StatusCode is not None else quality.GOOD
    return pair, status, ticks_of(data.SourceTimestamp), ticks_of(data.ServerTimestamp)
