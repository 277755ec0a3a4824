"""Anomalies on their way to MQTT: a bounded queue, emptied whenever there is a broker."""

from __future__ import annotations

import asyncio
import json
from collections import deque

from prometheus_client import CollectorRegistry, Counter

from plant.names import topic
from runtime.mqtt_link import MqttLink

MOST_WAITING = 1000


class Outbox:
    """`plant/SITE/Area1/R101/anomaly`, in order."""

    def __init__(self, site: str, registry: CollectorRegistry) -> None:
        self._site = site
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._more = asyncio.Event()
        self._dropped = Counter("cstr_messages_dropped", "MQTT messages dropped.", registry=registry)

    def put(self, reactor: str, message: dict[str, object]) -> None:
        """Have a message published; the oldest is dropped, and counted, when too many wait."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._dropped.inc()
        self._waiting.append((topic(reactor, "anomaly", self._site), json.dumps(message).encode()))
        self._more.set()

    async def run(self, link: MqttLink) -> None:
        """Publish until the link is lost; a message leaves the queue when the broker has confirmed it."""
        while True:
            self._more.clear()
            while self._waiting:
                entry = self._waiting[0]
                await link.publish(*entry)
                if self._waiting and self._waiting[0] is entry:
                    self._waiting.popleft()
            await self._more.wait()
