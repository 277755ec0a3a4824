"""From the outbox to MQTT: line protocol a notification, JSON a sample, in order for each reactor."""

from __future__ import annotations

import asyncio
import contextlib

from historian.encoding import data_set_message, line_protocol
from historian.metrics import Metrics
from historian.store_thread import StoreThread
from plant.names import split_signal, topic
from plant.sample import Sample
from runtime.errors import LinkLost
from runtime.mqtt_link import MqttLink, Will, keep_connected
from timeseries.columns import Columns
from timeseries.store import Store

BLOCKS_AT_ONCE = 20
IN_FLIGHT = 500
"""Messages handed to the broker's link at once."""
IDLE_S = 1.0
ONLINE, OFFLINE = b'{"state":"online"}', b'{"state":"offline"}'


class Publisher:
    """Empties the outbox; what was stored at once leaves it when the broker has confirmed all of it."""

    def __init__(self, store: Store, thread: StoreThread, metrics: Metrics, site: str) -> None:
        self._store, self._thread, self._metrics, self._site = store, thread, metrics, site
        self._more = asyncio.Event()

    def wake(self) -> None:
        """Say that there is something to publish."""
        self._more.set()

    async def run(self, link: MqttLink) -> None:
        """Publish until the link is lost; what was under way then is sent again."""
        while True:
            self._more.clear()
            blocks = await self._thread.do(self._store.outbox.oldest, BLOCKS_AT_ONCE)
            if not blocks:
                self._metrics.outbox(0)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_S):
                        await self._more.wait()
                continue
            messages = [message for _, columns in blocks for message in self._messages(columns)]
            for start in range(0, len(messages), IN_FLIGHT):
                await _publish(link, messages[start : start + IN_FLIGHT])
            await self._thread.do(self._store.outbox.published, [(number, len(columns)) for number, columns in blocks])
            self._metrics.published(sum(len(columns) for _, columns in blocks))
            self._metrics.outbox(self._store.outbox.waiting.samples)

    def _messages(self, columns: Columns) -> list[tuple[str, bytes]]:
        """Return the topics and payloads of what was stored at once, in order."""
        by_reactor: dict[str, list[Sample]] = {}
        for sample in self._store.samples(columns):
            by_reactor.setdefault(split_signal(sample.signal)[0], []).append(sample)
        found = []
        for reactor, samples in by_reactor.items():
            found.append((topic(reactor, "lp", self._site), line_protocol(samples, self._site)))
            for sample in samples:
                _, name = split_signal(sample.signal)
                found.append((topic(reactor, f"json/{name}", self._site), data_set_message(sample)))
        return found


async def _publish(link: MqttLink, messages: list[tuple[str, bytes]]) -> None:
    """Publish side by side, in order, and return when the broker has confirmed all of it."""
    try:
        async with asyncio.TaskGroup() as group:
            for where, payload in messages:
                group.create_task(link.publish(where, payload))
    except BaseExceptionGroup as failed:
        lost, other = failed.split(LinkLost)
        if lost is None or other is not None:
            raise
        raise LinkLost(str(lost.exceptions[0])) from failed


async def keep_status(url: str, reactor: str, site: str) -> None:
    """Keep a reactor's retained status; a session of its own, since a session has but one last will."""
    where = topic(reactor, "status", site)

    async def work(link: MqttLink) -> None:
        await link.publish(where, ONLINE, retain=True)
        try:
            await asyncio.Event().wait()
        finally:
            with contextlib.suppress(LinkLost):
                await asyncio.shield(link.publish(where, OFFLINE, retain=True))

    await keep_connected(url, f"cstr-historian-status-{site}-{reactor}", work, will=Will(where, OFFLINE))
