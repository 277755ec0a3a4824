"""The edge node's MQTT sessions: from what is stored to the broker, and commands back; births and deaths around it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from historian.commands import LARGEST_PAYLOAD, Commander
from historian.messages.size import sendable
from historian.pace import Pace
from historian.sparkplug.bdseq import SessionNumber
from historian.sparkplug.edge_node import REBIRTH, EdgeNode, Message
from historian.sparkplug.payload import NotSparkplug, Received, decode
from historian.sparkplug.present import Last, Present
from historian.sparkplug.primary_host import PrimaryHost
from historian.store_thread import StoreThread
from runtime.errors import LinkLost
from runtime.mqtt_link import Message as MqttMessage
from runtime.mqtt_link import MqttLink, Will, connected
from runtime.reconnect import keep
from runtime.settings import MqttSettings
from timeseries.columns import Columns
from timeseries.outbox import NEVER, Block
from timeseries.reader import Reader
from timeseries.signals import SignalInfo
from timeseries.store import Store

log = logging.getLogger("historian")

SPARKPLUG = "sparkplug"
"""In the settings, and as a reader of the outbox."""
ASK_FOR_HOST_EVERY_S = 10.0
READ_AT_ONCE = 2_000
"""Samples: while they are made into messages, nothing else is done."""


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """An OPC UA connection's signals."""

    signals: dict[int, SignalInfo]
    before: int
    """The newest block that was stored before any of it."""


class Sparkplug:
    """Sends every sample once or more: what the broker is not known to have is sent again over the next session.

    It holds the outbox's blocks until then, so that a gap is on disk and not in memory.
    """

    def __init__(
        self,
        settings: MqttSettings,
        store: Store,
        thread: StoreThread,
        history: Path,
        bdseq: Path,
        commander: Commander,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store, self._thread, self._history, self._commander = store, thread, history, commander
        self._identifier = f"cstr-historian-sparkplug-{settings.site}-{settings.sparkplug_node}"
        self._node = EdgeNode(settings.site, settings.sparkplug_node)
        self._host_name = settings.sparkplug_host
        self._host = PrimaryHost(None)
        self._number = SessionNumber(bdseq)
        self._now_ms = now_ms
        self._pace = Pace()
        self._source: _Source | None = None
        self._born: _Source | None = None
        """Of whose signals the devices that are alive are."""
        self._is_asked_for_births = False
        self._lacks = False
        """Whether something was dropped before it was sent: the host takes old values for the present then."""
        self._present = Present()
        self._known = store.outbox.done(SPARKPLUG)
        """Up to which block that is the present."""
        self._past = 0
        """Up to which block what the devices' births told was newer."""
        self._sent = self._known
        """Up to which block the broker has all."""

    def wake(self) -> None:
        """Say that there is something to do."""
        self._pace.wake()

    async def source_is_there(self, infos: Sequence[SignalInfo]) -> None:
        """Have devices be born of these signals, before what comes of them is sent."""
        before = await self._thread.do(self._store.outbox.newest)
        numbers = self._store.numbers(info.name for info in infos).tolist()
        self._source = _Source(dict(zip(numbers, infos, strict=True)), before)
        self.wake()

    def source_is_away(self) -> None:
        """Have the devices die, once what is stored is sent."""
        self._source = None
        self.wake()

    def dropped(self, through: int) -> None:
        """Have devices be born anew once the rest is sent, unless all up to this block is."""
        if through > self._sent:
            self._lacks = True
            self.wake()

    async def run(self, url: str) -> None:
        """Be an edge node, for ever; a session of its own, since a session has but one last will."""
        await keep("MQTT broker, for Sparkplug", lambda: self._connected(url), self.serve)

    @contextlib.asynccontextmanager
    async def _connected(self, url: str) -> AsyncIterator[MqttLink]:
        where, payload = self._node.death(self._number.next, self._now_ms())
        async with connected(url, self._identifier, will=Will(where, payload, retain=False)) as link:
            yield link

    async def serve(self, link: MqttLink) -> None:
        """Be one session, which begins with births, until the link is lost; ended otherwise it says goodbye.

        Where there is a primary host, births wait for it, and the session ends when it goes (LinkLost).
        """
        number = self._number.next
        self._host = PrimaryHost(self._host_name)
        await link.subscribe([self._node.topic("NCMD"), self._node.topic("DCMD", "+"), *self._host.topics])
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._publish(link, number), name="sparkplug data")
                both.create_task(self._listen(link), name="sparkplug commands")
        finally:
            with contextlib.suppress(LinkLost):
                if self._number.next != number:  # it was born
                    await asyncio.shield(link.publish(*self._node.death(number, self._now_ms())))

    async def _publish(self, link: MqttLink, number: int) -> None:
        self._born, self._is_asked_for_births = None, False
        await self._wait_for_host(link)
        self._number.born(number)
        await self._send(link, [self._node.birth(number, self._now_ms())])
        is_behind = False
        while True:
            self._pace.begin()
            source, is_asked = self._source, self._is_asked_for_births
            if is_asked:
                self._is_asked_for_births = False
                await self._bear_again(link, number)
            if source is not self._born or (source is not None and self._lacks and not is_behind):
                await self._turn_to(link, source)
            sent = await self._send_blocks(link, await self._blocks(), source)
            is_behind = sent >= READ_AT_ONCE
            await self._pace.rest(was_any=sent > 0 or is_asked, was_all=not is_behind)

    async def _wait_for_host(self, link: MqttLink) -> None:
        """Return when it is there; it is asked for again now and then, as brokers may not have told (docs/mqtt.md)."""
        if self._host.is_there:
            return
        log.info("Sparkplug: nothing is sent until host %r is online", self._host_name)
        while not self._host.is_there:
            try:
                async with asyncio.timeout(ASK_FOR_HOST_EVERY_S):
                    await self._host.wait()
            except TimeoutError:
                await link.subscribe(self._host.topics)
        log.info("Sparkplug: host %r is online", self._host_name)

    async def _turn_to(self, link: MqttLink, source: _Source | None) -> None:
        """Send what is left of the devices there are, have them die, and others be born."""
        if self._node.is_alive:
            through = await self._thread.do(self._store.outbox.newest) if source is None else source.before
            while blocks := await self._blocks(through):
                await self._send_blocks(link, blocks, self._source)
            await self._send(link, self._node.device_deaths(self._now_ms()))
        self._born = source
        if source is not None:
            await self._learn(source)
            self._node.devices(source.signals)
            await self._send(link, self._node.device_births(self._present, self._now_ms()))

    async def _bear_again(self, link: MqttLink, number: int) -> None:
        """Send all births anew, as a host asked for: of the present as far as it was sent."""
        was_alive = self._node.is_alive
        await self._send(link, [self._node.birth(number, self._now_ms())])
        if was_alive:
            await self._send(link, self._node.device_births(self._present, self._now_ms()))

    async def _learn(self, source: _Source) -> None:
        """Learn what the signals are by all that is stored by now, which is the past from then on."""
        if self._lacks:
            self._present, self._lacks = Present(), False
        unknown = {number: source.signals[number].name for number in self._present.unknown(source.signals)}
        for number, last in (await asyncio.to_thread(self._lasts, unknown)).items():
            self._present.note(number, last)
        newest = await self._thread.do(self._store.outbox.newest)
        while blocks := await self._thread.do(self._store.outbox.blocks, self._known, newest, READ_AT_ONCE):
            for block in blocks:
                self._note(block)
            await asyncio.sleep(0)
        self._known = self._past = newest

    def _lasts(self, names: dict[int, str]) -> dict[int, Last]:
        with contextlib.closing(Reader(self._history)) as reader:
            found = reader.lasts(names.values())
        return {number: Last.of(found[name]) for number, name in names.items() if name in found}

    def _note(self, block: Block) -> None:
        if block.number > self._known:
            self._present.learn(sendable(block.columns), self._store.values)
            self._known = block.number

    async def _blocks(self, through: int = NEVER) -> list[Block]:
        if not self._node.is_alive:
            return []
        return await self._thread.do(self._store.outbox.blocks, self._sent, through, READ_AT_ONCE)

    async def _send_blocks(self, link: MqttLink, blocks: Sequence[Block], source: _Source | None) -> int:
        """Send blocks, unless they may be of another source; return how many samples they are."""
        if not blocks or source is not self._source:
            return 0
        parts: dict[str, list[tuple[Columns, NDArray[np.bool_]]]] = {}
        for block in blocks:
            is_past = block.is_historical or block.number <= self._past
            for device, columns in self._store.by_reactor(sendable(block.columns)):
                parts.setdefault(device, []).append((columns, np.full(len(columns), is_past)))
            self._note(block)
        for device, mine in parts.items():
            columns, past = Columns.joined([each for each, _ in mine]), np.concatenate([each for _, each in mine])
            values = self._store.values(columns)
            await self._send(link, self._node.data(device, columns, values, past, self._now_ms()))
            await asyncio.sleep(0)  # what arrives meanwhile is stored first
        await link.settle()
        self._sent = blocks[-1].number
        await self._thread.do(self._store.outbox.let_go, self._sent, SPARKPLUG)
        return sum(len(block.columns) for block in blocks)

    async def _send(self, link: MqttLink, messages: Iterable[Message]) -> None:
        for where, payload in messages:
            await link.send(where, payload)

    async def _listen(self, link: MqttLink) -> None:
        """Take commands; a retained one was meant for another time."""
        dropped = 0
        async for message in link.messages():
            if link.dropped > dropped:
                await self._commander.tell_dropped(link.dropped - dropped, "Sparkplug")
                dropped = link.dropped
            if message.topic in self._host.topics:
                self._take_state(message)
                continue
            if message.retained or len(message.payload) > LARGEST_PAYLOAD:
                log.warning("%s: a command that is retained, or too long, is ignored", message.topic)
                continue
            try:
                metrics = decode(message.payload)
            except NotSparkplug as error:
                log.warning("%s: %s", message.topic, error)
                continue
            if message.topic == self._node.topic("NCMD"):
                self._control(metrics)
            else:
                await self._command(message.topic, metrics)

    def _take_state(self, message: MqttMessage) -> None:
        was_there = self._host.is_there
        try:
            self._host.take(message.payload)
        except NotSparkplug as error:
            log.warning("%s: %s", message.topic, error)
        if was_there and not self._host.is_there:
            raise LinkLost(f"Sparkplug host {self._host_name!r} is offline")

    def _control(self, metrics: Sequence[Received]) -> None:
        if any(metric.name == REBIRTH and metric.raw is True for metric in metrics):
            log.info("a host asks for births")
            self._is_asked_for_births = True
            self.wake()

    async def _command(self, where: str, metrics: Sequence[Received]) -> None:
        """Write what a host wants written; what becomes of it is in the data, and in the trail."""
        device = where.split("/")[-1]
        for metric in metrics:
            alias = self._node.alias(device, metric.alias, metric.name)
            if alias is None:
                log.warning("Sparkplug command for %s: no metric is %r, alias %r", device, metric.name, metric.alias)
                continue
            signal = self._node.signal(device, alias)
            command: dict[str, object] = {"signal": signal.full_name, "value": metric.number(signal.datatype)}
            await self._commander.carry_out(device, command, f"Sparkplug/{where}")
