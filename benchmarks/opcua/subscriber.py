"""A subscription with its items, and the Publish requests that are kept outstanding for it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from benchmarks.opcua.channel import Disconnected
from benchmarks.opcua.meter import Delays, Meter
from benchmarks.opcua.session import Session

ITEMS_PER_CALL = 500
PUBLISH_REQUESTS = 4
FOREVER = 1_000_000
"""Publishing intervals of lifetime."""
CREATE_ITEMS = ua.ObjectIds.CreateMonitoredItemsRequest_Encoding_DefaultBinary
PUBLISH = ua.ObjectIds.PublishRequest_Encoding_DefaultBinary
PUBLISHED = struct.pack("<BBH", 1, 0, ua.ObjectIds.PublishResponse_Encoding_DefaultBinary)
DATA_CHANGE = struct.pack("<BBH", 1, 0, ua.ObjectIds.DataChangeNotification_Encoding_DefaultBinary)
RESULT = np.dtype([("status", "<u4"), ("id", "<u4"), ("sampling", "<f8"), ("queue", "<u4"), ("filter", "V3")])
RESPONSE_HEADER = 28
"""Bytes of type id and header of a response without diagnostics, strings and additional header."""
NO_STRINGS = (struct.pack("<i", -1), struct.pack("<i", 0))


@dataclass(frozen=True, slots=True)
class Item:
    """What is subscribed to; with a deadband only what leaves it comes."""

    node: str
    deadband: float = 0.0


class Subscriber:
    """One subscription of a session; its meter counts by the place of a tag in `items`."""

    def __init__(
        self, session: Session, items: Sequence[Item], delays: Delays, *, publishing_ms: float, queue: int
    ) -> None:
        self.session = session
        self.meter = Meter(len(items), delays)
        self.keep_alives = 0
        self._acknowledge: list[tuple[int, int]] = []
        self._publish = session.header(PUBLISH)
        request = ua.CreateSubscriptionRequest()
        request.Parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=publishing_ms,
            RequestedLifetimeCount=ua.UInt32(FOREVER),
            RequestedMaxKeepAliveCount=ua.UInt32(100),
            MaxNotificationsPerPublish=ua.UInt32(0),
            PublishingEnabled=True,
        )
        created = session.call(request, ua.CreateSubscriptionResponse).Parameters
        self.revised_ms = float(created.RevisedPublishingInterval)
        header = session.header(CREATE_ITEMS) + struct.pack("<II", created.SubscriptionId, ua.TimestampsToReturn.Both)
        for start in range(0, len(items), ITEMS_PER_CALL):
            part = tuple(items[start : start + ITEMS_PER_CALL])
            _check(session.exchange(header + _encoded(part, start, queue)), part)

    def ask(self, requests: int = PUBLISH_REQUESTS) -> None:
        """Send the first Publish requests, and take what came while the items were made."""
        for _ in range(requests):
            self._ask_again()
        self._take_kept()

    def receive(self) -> None:
        """Take what has arrived."""
        for _, message in self.session.channel.receive():
            self._take(message)

    def _take_kept(self) -> None:
        kept, self.session.messages = self.session.messages, []
        for message in kept:
            self._take(message)

    def _ask_again(self) -> None:
        acknowledged, self._acknowledge = self._acknowledge, []
        body = struct.pack("<i", len(acknowledged)) + b"".join(struct.pack("<II", *each) for each in acknowledged)
        self.session.channel.send(self._publish + body)

    def _take(self, message: bytes) -> None:
        if message[:4] != PUBLISHED:
            text = f"a Publish was answered with {message[:32].hex()}"
            raise Disconnected(text)
        place = after_header(message)
        subscription, available = struct.unpack_from("<Ii", message, place)
        place += 8 + 4 * max(0, available) + 1
        sequence, parts = struct.unpack_from("<I8xi", message, place)
        place += 16
        if parts > 0:
            self._acknowledge.append((subscription, sequence))
        else:
            self.keep_alives += 1
        self._ask_again()
        for _ in range(max(0, parts)):
            length, count = struct.unpack_from("<ii", message, place + 5)
            if message[place : place + 4] != DATA_CHANGE:
                text = f"a notification is of type {message[place : place + 4].hex()}"
                raise Disconnected(text)
            self.meter.take(message, place + 13, count)
            place += 9 + length


@cache
def _encoded(items: tuple[Item, ...], first: int, queue: int) -> bytes:
    return struct.pack("<i", len(items)) + b"".join(
        struct_to_binary(_request(item, handle, queue)) for handle, item in enumerate(items, first)
    )


def _request(item: Item, handle: int, queue: int) -> ua.MonitoredItemCreateRequest:
    deadband: Any = None
    if item.deadband:
        deadband = ua.DataChangeFilter(
            Trigger=ua.DataChangeTrigger.StatusValue,
            DeadbandType=ua.UInt32(ua.DeadbandType.Absolute),
            DeadbandValue=item.deadband,
        )
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(ua.NodeId.from_string(item.node), ua.AttributeIds.Value),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=ua.UInt32(handle),
            SamplingInterval=0.0,
            Filter=deadband,
            QueueSize=ua.UInt32(queue),
            DiscardOldest=True,
        ),
    )


def _check(message: bytes, items: Sequence[Item]) -> None:
    """Raise Disconnected unless every item was made."""
    place = after_header(message)
    count = int.from_bytes(message[place : place + 4], "little", signed=True)
    if count != len(items):
        text = f"{len(items)} monitored items were answered with {message[:40].hex()}"
        raise Disconnected(text)
    results = np.frombuffer(message, RESULT, count, place + 4)
    if results["status"].any():
        first = int(results["status"].argmax())
        text = f"{items[first].node}: no monitored item: status {int(results['status'][first]):#x}"
        raise Disconnected(text)


def after_header(message: bytes) -> int:
    """Return where a response's parameters begin; neither diagnostics nor strings are read."""
    if message[16:20] != b"\0\0\0\0" or message[20] or message[21:25] not in NO_STRINGS:
        text = f"a response has service result {int.from_bytes(message[16:20], 'little'):#x}"
        raise Disconnected(text)
    return RESPONSE_HEADER
