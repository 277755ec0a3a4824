"""From the outbox to MQTT as line protocol, in order for each reactor; a sample is let go of when it is confirmed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from historian.lanes import Lane, Lanes, Shipment
from historian.messages.line_protocol import LineProtocol
from historian.messages.size import messages, sendable
from historian.metrics import Metrics
from historian.pace import Pace
from historian.publishing import Messages, publish_all
from historian.store_thread import StoreThread
from plant.names import topic
from runtime.mqtt_link import MqttLink
from runtime.settings import MqttSettings
from timeseries.columns import Columns
from timeseries.outbox import PUBLISHER, Block
from timeseries.store import Store

READ_AT_ONCE = 20_000
"""Samples: while they are read, nothing is stored."""


@dataclass(frozen=True, slots=True)
class _Parted:
    """A block, each reactor's samples by themselves."""

    number: int
    parts: Mapping[str, Columns]


class Publisher:
    """Empties the outbox; where nobody else confirms, the broker's acknowledgement does."""

    def __init__(
        self, store: Store, thread: StoreThread, metrics: Metrics, settings: MqttSettings, *, broker_confirms: bool
    ) -> None:
        self._store, self._thread, self._metrics = store, thread, metrics
        self._site, self._formats = settings.site, settings.formats
        self._broker_confirms = broker_confirms
        self._line_protocol = LineProtocol(settings.site)
        self._pace = Pace()
        self._read_now: dict[int, _Parted] = {}
        """Blocks that were read for what is sent now, by number."""
        self.lanes = Lanes(store.outbox.done(PUBLISHER))

    def wake(self) -> None:
        """Say that there is something to publish."""
        self._pace.wake()

    async def run(self, link: MqttLink) -> None:
        """Publish until the link is lost; what the broker had not acknowledged is sent again over the next."""
        while True:
            self._pace.begin()
            has_read_all = await self._read()
            await self._pace.rest(was_any=await self._send(link), was_all=has_read_all)

    async def newest(self) -> int:
        """Return the number of the newest block that was stored."""
        return await self._thread.do(self._store.outbox.newest)

    async def lines(self, reactor: str, shipment: Shipment) -> list[bytes]:
        """Return what is still there of a shipment as line protocol, in messages."""
        parts = [block.parts[reactor] for block in await self._parts(reactor, shipment)]
        return [payload for _, payload in self._lines(reactor, Columns.joined(parts))] if parts else []

    async def let_go(self) -> None:
        """Have nothing wait any more that is confirmed."""
        await self._thread.do(self._store.outbox.let_go, self.lanes.done)

    async def _read(self) -> bool:
        """Put what is new in the outbox into the lanes; tell whether that is all of it, or all there is room for."""
        self._read_now = {}
        if not self.lanes.have_room:
            return True
        blocks = await self._thread.do(self._store.outbox.blocks, self.lanes.offered, at_least=READ_AT_ONCE)
        for block in self._parted(blocks):
            self.lanes.offer(block.number, block.parts)
        return sum(len(block.columns) for block in blocks) < READ_AT_ONCE

    async def _send(self, link: MqttLink) -> bool:
        """Publish the next of each lane; tell whether there was any."""
        room = self.lanes.room
        taken = [(reactor, lane, shipment) for reactor, lane in self.lanes if (shipment := lane.take(room)) is not None]
        try:
            sent = await self._publish(link, taken)
        except BaseException:
            for _, lane, _ in taken:
                lane.put_back()
            raise
        now = time.monotonic()
        for lane, shipment in sent:
            lane.sent(shipment, now)
            self._metrics.published(shipment.count)
        if self._broker_confirms and sent:
            for lane, _ in sent:
                lane.confirm_all()
            await self.let_go()
        return bool(taken)

    async def _publish(
        self, link: MqttLink, taken: Sequence[tuple[str, Lane, Shipment]]
    ) -> list[tuple[Lane, Shipment]]:
        """Publish what is still there of some shipments, and return that."""
        messages: Messages = []
        sent = []
        for reactor, lane, shipment in taken:
            parts = await self._parts(reactor, shipment)
            if not parts:
                lane.lose()
                continue
            columns = Columns.joined([block.parts[reactor] for block in parts])
            if "lp" in self._formats:
                messages += self._lines(reactor, columns)
            sent.append((lane, Shipment.of([(block.number, block.parts[reactor]) for block in parts])))
            await asyncio.sleep(0)  # what arrives meanwhile is stored first
        await publish_all(link, messages)
        return sent

    async def _parts(self, reactor: str, shipment: Shipment) -> list[_Parted]:
        """Return the blocks of a shipment that are still there, and have something of the reactor."""
        first, last = shipment.blocks
        blocks = [self._read_now[number] for number in range(first, last + 1) if number in self._read_now]
        if len(blocks) <= last - first:
            blocks = self._parted(await self._thread.do(self._store.outbox.blocks, first - 1, last))
        return [block for block in blocks if reactor in block.parts]

    def _parted(self, blocks: Sequence[Block]) -> list[_Parted]:
        for block in blocks:
            if block.number not in self._read_now:
                parts = dict(self._store.by_reactor(sendable(block.columns)))
                self._read_now[block.number] = _Parted(block.number, parts)
        return [self._read_now[block.number] for block in blocks]

    def _lines(self, reactor: str, columns: Columns) -> Messages:
        """Return what InfluxDB is fed with."""
        where, found = topic(reactor, "lp", self._site), []
        places = np.arange(len(columns))
        for part in messages(len(columns), columns.texts):
            some = columns.take(places[part])
            lines = self._line_protocol.lines(self._store.names_of(some.signals), some, self._store.values(some))
            found.append((where, lines))
        return found
