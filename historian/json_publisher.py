"""A message a sample, OPC UA's JSON, beside what InfluxDB is fed with: slower by far, and never in its way."""

from __future__ import annotations

from historian.messages.data_set import data_set_messages
from historian.messages.size import sendable
from historian.pace import Pace
from historian.publishing import Messages, publish_all
from historian.store_thread import StoreThread
from plant.names import split_signal, topic
from runtime.mqtt_link import MqttLink
from timeseries.outbox import Block
from timeseries.store import Store

JSON = "json"
"""In the settings, and as a reader of the outbox."""
READ_AT_ONCE = 500
"""Samples: what the broker has not acknowledged all of is sent again over the next link."""


class JsonPublisher:
    """Sends every sample once or more, in order; it holds what the broker has not acknowledged."""

    def __init__(self, store: Store, thread: StoreThread, site: str) -> None:
        self._store, self._thread, self._site = store, thread, site
        self._pace = Pace()
        self._sent = store.outbox.done(JSON)
        """Up to which block the broker has all."""

    def wake(self) -> None:
        """Say that there is something to publish."""
        self._pace.wake()

    async def run(self, link: MqttLink) -> None:
        """Publish until the link is lost."""
        while True:
            self._pace.begin()
            blocks = await self._thread.do(self._store.outbox.blocks, self._sent, at_least=READ_AT_ONCE)
            for block in blocks:
                await publish_all(link, self._messages(block))
                self._sent = block.number
            if blocks:
                await self._thread.do(self._store.outbox.let_go, self._sent, JSON)
            has_all = sum(len(block.columns) for block in blocks) < READ_AT_ONCE
            await self._pace.rest(was_any=bool(blocks), was_all=has_all)

    def _messages(self, block: Block) -> Messages:
        columns = sendable(block.columns)
        names, types = self._store.names_of(columns.signals), self._store.types_of(columns.signals)
        values = self._store.values(columns)
        messages = data_set_messages(names, types, columns, values, is_historical=block.is_historical)
        return list(zip(map(self._topic, names), messages, strict=True))

    def _topic(self, name: str) -> str:
        reactor, leaf = split_signal(name)
        return topic(reactor, f"json/{leaf}", self._site)
