"""The historian: `python -P -m historian`."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Sequence

from prometheus_client import Gauge

from historian.api import make_app
from historian.collector import Collector
from historian.command_trail import CommandTrail
from historian.commands import Commander
from historian.confirmation import Confirmation, Influx
from historian.http import serve_http
from historian.metrics import Metrics
from historian.outbox import keep_outbox_small
from historian.publisher import Publisher
from historian.sparkplug.session import Sparkplug
from historian.status import Source, keep_status
from historian.store_thread import StoreThread
from plant.names import PLANT, split_signal
from runtime.errors import CouldNotRun
from runtime.mqtt_link import MqttLink, keep_connected
from runtime.opcua_link import connect
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.nodes import nodes_to_find
from runtime.ports import require_free
from runtime.rotating_lines import COMMANDS, RotatingLines
from runtime.service import Context, main
from timeseries.keeping import DAMAGED, Telling, keep
from timeseries.retention import DAY_S, Retention
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upgrade import upgrade

STORE, OLD_STORE, BDSEQ = "history", "history.sqlite", "sparkplug-bdseq"


async def serve(context: Context) -> None:
    """Collect, publish and answer until cancelled."""
    settings, health = context.settings, context.health
    require_free(settings.historian.http_port, settings.server.listen, "HTTP", "historian.http_port")
    for part in ("server", *(["broker"] if settings.mqtt.url is not None else [])):
        health.wait_for(part)
    folder = context.data / "historian" / STORE
    try:
        await asyncio.to_thread(upgrade, folder.with_name(OLD_STORE), folder)
        store = Store(folder, sync=settings.historian.history_sync)
    except sqlite3.Error as error:
        raise CouldNotRun(str(error)) from None
    if settings.mqtt.url is not None:
        store.outbox.begin()
    else:
        store.outbox.end()
    thread = StoreThread(health)
    metrics = Metrics(context.registry)
    has_influxdb = settings.influxdb.url is not None
    publisher = Publisher(store, thread, metrics, settings.mqtt, broker_confirms=not has_influxdb)
    present: list[OpcuaLink] = []
    nodes = settings.historian.nodes
    audit = settings.server.audit
    lines = RotatingLines(context.data / COMMANDS, round(audit.megabytes * 1e6), audit.files)
    trail = CommandTrail(lines, metrics)
    commander = Commander(lambda: present[0] if present else None, metrics, settings.mqtt.site, nodes, trail.put)
    sparkplug: Sparkplug | None = None
    if settings.mqtt.url is not None and "sparkplug" in settings.mqtt.formats:
        sparkplug = Sparkplug(settings.mqtt, store, thread, folder, folder.with_name(BDSEQ), commander)
    parts = dict.fromkeys(split_signal(node.name)[0] for node in nodes) or (*settings.reactors, PLANT)

    def on_stored() -> None:
        publisher.wake()
        if sparkplug is not None:
            sparkplug.wake()

    async def on_declared(infos: Sequence[SignalInfo]) -> None:
        if sparkplug is not None:
            await sparkplug.source_is_there(infos)

    reach_s = settings.historian.retention_days * DAY_S
    source = Source()
    collector = Collector(
        store, thread, metrics, health, settings.historian.sampling_s, reach_s, on_stored, nodes,
        on_subscribed=lambda: source.is_now(there=True), on_declared=on_declared,
    )  # fmt: skip

    async def collect(link: OpcuaLink) -> None:
        present.append(link)
        try:
            await collector.run(link)
        finally:
            present.clear()
            if sparkplug is not None:
                sparkplug.source_is_away()

    def on_server(up: bool, why: str) -> None:
        if not up:
            source.is_now(there=False)
            health.lost("server", why)

    def on_broker(up: bool, why: str) -> None:
        if up:
            health.ready("broker")
        else:
            health.lost("broker", why)

    async def publish(link: MqttLink) -> None:
        async with asyncio.TaskGroup() as both:
            both.create_task(publisher.run(link), name="publisher")
            both.create_task(commander.run(link), name="commands")

    try:
        async with asyncio.TaskGroup() as group:
            http = serve_http(make_app(folder, settings), settings.server.listen, settings.historian.http_port)
            group.create_task(http, name="http")
            group.create_task(
                connect.keep_connected(
                    settings.server.local_endpoint,
                    "historian",
                    collect,
                    find=nodes_to_find(nodes),
                    login=connect.service_login("historian", settings, context.data),
                    on_state=on_server,
                ),
                name="collector",
            )
            retention = Retention.of(settings.historian.retention_days, settings.historian.retention_gb)
            telling = Telling(health.trouble, Gauge(*DAMAGED, registry=context.registry).set)
            group.create_task(keep(folder, retention, context.log, telling), name="upkeep")
            outbox = keep_outbox_small(store, thread, metrics, health, settings.historian, publisher.lanes.drop)
            group.create_task(outbox, name="outbox")
            if settings.mqtt.url is not None:
                if has_influxdb:
                    confirmation = Confirmation(
                        Influx(settings.influxdb, settings.mqtt.site), publisher, metrics, health
                    )
                    group.create_task(confirmation.run(), name="confirmation")
                url = settings.mqtt.url.get_secret_value()
                identifier = f"cstr-historian-{settings.mqtt.site}"
                group.create_task(keep_connected(url, identifier, publish, on_state=on_broker), name="mqtt")
                if sparkplug is not None:
                    group.create_task(sparkplug.run(url), name="sparkplug")
                for reactor in parts:
                    group.create_task(keep_status(url, reactor, settings.mqtt.site, source), name=f"status {reactor}")
            health.ready("start")
    finally:
        thread.end()
        store.close()


if __name__ == "__main__":
    sys.exit(main("historian", serve))
