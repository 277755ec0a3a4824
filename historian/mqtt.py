"""All that the historian does on MQTT: samples, commands, each reactor's status, and a Sparkplug edge node."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from historian.command_trail import CommandTrail
from historian.commands import Commander
from historian.confirmation import Confirmation
from historian.influx import Influx
from historian.json_publisher import JSON, JsonPublisher
from historian.listener import Listener
from historian.metrics import Metrics
from historian.publisher import Publisher
from historian.sparkplug.session import SPARKPLUG, Sparkplug
from historian.status import Source, Statuses
from historian.store_thread import StoreThread
from plant.names import PLANT, split_signal
from runtime.mqtt_link import MqttLink, keep_connected
from runtime.opcua_link.link import OpcuaLink
from runtime.rotating_lines import COMMANDS, RotatingLines
from runtime.service import Context
from timeseries.outbox import PUBLISHER
from timeseries.signals import SignalInfo
from timeseries.store import Store

BDSEQ = "sparkplug-bdseq"


class Mqtt(Listener):
    """Its sessions with the broker."""

    def __init__(
        self, context: Context, url: str, folder: Path, store: Store, thread: StoreThread, metrics: Metrics
    ) -> None:
        """`folder` is the store's."""
        settings = context.settings
        formats = settings.mqtt.formats
        store.outbox.begin({PUBLISHER, *(name for name in (JSON, SPARKPLUG) if name in formats)})
        self._url, self._site, self._health = url, settings.mqtt.site, context.health
        self._link: OpcuaLink | None = None
        self._source = Source()
        nodes, audit = settings.historian.nodes, settings.server.audit
        known = [node.name for node in nodes] or (store.names() if settings.server.url is not None else ())
        folders = _folders(known) if known else {*settings.reactors, PLANT}
        self._statuses = Statuses(url, self._site, self._source, folders)
        trail = CommandTrail(RotatingLines(context.data / COMMANDS, round(audit.megabytes * 1e6), audit.files), metrics)
        self._commander = Commander(lambda: self._link, metrics, self._site, nodes, trail.put)
        has_influxdb = settings.influxdb.url is not None
        self._publisher = Publisher(store, thread, metrics, settings.mqtt, broker_confirms=not has_influxdb)
        self._confirmation: Confirmation | None = None
        if has_influxdb:
            influx = Influx(settings.influxdb, self._site)
            self._confirmation = Confirmation(influx, self._publisher, metrics, context.health)
        self._json = JsonPublisher(store, thread, self._site) if JSON in formats else None
        self._sparkplug: Sparkplug | None = None
        if SPARKPLUG in formats:
            numbers = folder.with_name(BDSEQ)
            self._sparkplug = Sparkplug(settings.mqtt, store, thread, folder, numbers, self._commander)

    async def run(self) -> None:
        """Keep all of it up, for ever."""
        async with asyncio.TaskGroup() as group:
            identifier = f"cstr-historian-{self._site}"
            data = keep_connected(self._url, identifier, self._exchange, on_state=self._on_broker)
            group.create_task(data, name="mqtt")
            group.create_task(self._statuses.run(), name="statuses")
            if self._sparkplug is not None:
                group.create_task(self._sparkplug.run(self._url), name="sparkplug")
            if self._confirmation is not None:
                group.create_task(self._confirmation.run(), name="confirmation")

    def connected(self, link: OpcuaLink) -> None:
        """Take whom commands go to."""
        self._link = link

    async def declared(self, infos: Sequence[SignalInfo]) -> None:
        """Have commands and a Sparkplug host know what there is, before anything of it comes."""
        names = [info.name for info in infos]
        self._commander.know(names)
        self._statuses.of(_folders(names))
        if self._sparkplug is not None:
            await self._sparkplug.source_is_there(infos)

    def subscribed(self) -> None:
        """Tell in each status that the server is there."""
        self._source.is_now(there=True)

    def stored(self) -> None:
        """Publish it."""
        self._publisher.wake()
        if self._json is not None:
            self._json.wake()
        if self._sparkplug is not None:
            self._sparkplug.wake()

    def dropped(self, through: int) -> None:
        """Publish nothing of it any more."""
        self._publisher.lanes.drop(through)
        if self._sparkplug is not None:
            self._sparkplug.dropped(through)

    def away(self) -> None:
        """Tell that the server is not there, and send it no commands."""
        self._link = None
        self._source.is_now(there=False)
        if self._sparkplug is not None:
            self._sparkplug.source_is_away()

    async def _exchange(self, link: MqttLink) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._publisher.run(link), name="publisher")
            if self._json is not None:
                group.create_task(self._json.run(link), name="json")
            group.create_task(self._commander.run(link), name="commands")

    def _on_broker(self, up: bool, why: str) -> None:
        if up:
            self._health.ready("broker")
        else:
            self._health.lost("broker", why)


def _folders(names: Iterable[str]) -> set[str]:
    return {split_signal(name)[0] for name in names}
