"""The historian: `python -P -m historian`."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

from prometheus_client import Gauge

from historian.api import make_app
from historian.collector import Collector
from historian.http import serve_http
from historian.listener import Listener
from historian.metrics import Metrics
from historian.mqtt import Mqtt
from historian.outbox import keep_outbox_small
from historian.store_thread import StoreThread
from runtime.errors import CouldNotRun
from runtime.opcua_link import connect
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.nodes import nodes_to_find
from runtime.ports import require_free
from runtime.service import Context, main
from timeseries.keeping import DAMAGED, Telling, keep
from timeseries.retention import Retention
from timeseries.store import Store
from timeseries.upgrade import upgrade

STORE, OLD_STORE = "history", "history.sqlite"


async def serve(context: Context) -> None:
    """Collect, publish and answer until cancelled."""
    settings, health = context.settings, context.health
    require_free(settings.historian.http_port, settings.server.listen, "HTTP", "historian.http_port")
    health.wait_for("server")
    folder = context.data / "historian" / STORE
    store = await _opened(folder, sync=settings.historian.history_sync)
    thread = StoreThread(health)
    metrics = Metrics(context.registry)
    mqtt: Mqtt | None = None
    if settings.mqtt.url is not None:
        health.wait_for("broker")
        mqtt = Mqtt(context, settings.mqtt.url.get_secret_value(), folder, store, thread, metrics)
    else:
        store.outbox.end()
    listener = mqtt or Listener()
    retention = Retention.of(settings.historian.retention_days, settings.historian.retention_gb)
    telling = Telling(health.trouble, Gauge(*DAMAGED, registry=context.registry).set)
    try:
        async with asyncio.TaskGroup() as group:
            http = serve_http(make_app(folder, settings), settings.server.listen, settings.historian.http_port)
            group.create_task(http, name="http")
            collector = Collector(store, thread, metrics, health, settings.historian, listener)
            group.create_task(_collect(context, collector, listener), name="collector")
            group.create_task(keep(folder, retention, context.log, telling), name="upkeep")
            outbox = keep_outbox_small(store, thread, metrics, health, settings.historian, listener.dropped)
            group.create_task(outbox, name="outbox")
            if mqtt is not None:
                group.create_task(mqtt.run(), name="mqtt")
            health.ready("start")
    finally:
        thread.end()
        store.close()


async def _opened(folder: Path, *, sync: bool) -> Store:
    """Open the store, once what an older one left is in it."""
    try:
        await asyncio.to_thread(upgrade, folder.with_name(OLD_STORE), folder)
        return Store(folder, sync=sync)
    except sqlite3.Error as error:
        raise CouldNotRun(str(error)) from None


async def _collect(context: Context, collector: Collector, listener: Listener) -> None:
    """Collect from the server for ever, over one connection after the other."""
    settings = context.settings

    async def collect(link: OpcuaLink) -> None:
        listener.connected(link)
        try:
            await collector.run(link)
        finally:
            listener.away()

    def on_server(up: bool, why: str) -> None:
        if not up:
            context.health.lost("server", why)

    await connect.keep_connected(
        settings.server.local_endpoint,
        "historian",
        collect,
        find=nodes_to_find(settings.historian.nodes),
        login=connect.service_login("historian", settings, context.data),
        on_state=on_server,
    )


if __name__ == "__main__":
    sys.exit(main("historian", serve))
