"""The OPC UA server of the simulated plant: `python -P -m opcua_server`."""

from __future__ import annotations

import asyncio
import sqlite3
import sys

from prometheus_client import Gauge

from opcua_server import server as serving
from opcua_server.anomalies import Anomalies
from opcua_server.anomaly_events import AnomalyEvents
from opcua_server.auditing.trail import AuditTrail
from opcua_server.checkpoints import Checkpoints
from opcua_server.commands import Commands
from opcua_server.events import Events
from opcua_server.historical_access.archive_start import ArchiveStart
from opcua_server.historical_access.configuration_nodes import show_start
from opcua_server.historical_access.event_history import EventHistory
from opcua_server.historical_access.update import Storable
from opcua_server.historical_access.updater import HistoryUpdater
from opcua_server.ledger import Ledger
from opcua_server.pacing import Pacer
from opcua_server.recorder import Recorder
from opcua_server.registration import Registration, registered_server
from opcua_server.security.identities import ServerIdentities
from opcua_server.services.attribute_history import HistoryReader
from opcua_server.simulator import Simulator, timing_of
from opcua_server.tags import Tags
from opcua_server.users import users_of
from opcua_server.wire.messages import now_ticks
from plant.simulation import PlantConfig
from runtime.addresses import is_unspecified
from runtime.errors import CouldNotRun
from runtime.pki.renewal import OwnCertificates
from runtime.ports import require_free
from runtime.rotating_lines import AUDIT, RotatingLines
from runtime.service import Context, main
from timeseries.amending import Amender
from timeseries.event_log import EventLog, EventReader
from timeseries.keeping import DAMAGED, Telling, keep
from timeseries.reading import History
from timeseries.retention import Retention
from timeseries.store import Store
from timeseries.unpacked import Unpacked

HISTORY = "history"
LAST_PUBLISHING_S = 0.3
"""Plant time has stopped: subscribers get what was sampled last, and that the server ends."""


async def serve(context: Context) -> None:
    """Run until cancelled."""
    settings = context.settings
    require_free(settings.server.port, settings.server.listen, "OPC UA", "server.port")
    users = users_of(settings.server, context.data, context.registry)
    hosts = [*settings.server.hosts, settings.server.listen]
    certificates = await asyncio.to_thread(OwnCertificates, context.data / "pki", hosts)
    context.registry.register(certificates)
    identities = ServerIdentities(certificates.present)
    server = await serving.make_server(settings.server, users, identities, settings.reactors, context.data)
    tags = Tags(settings.reactors, context.registry)
    folder, unpacked = context.data / "server" / HISTORY, Unpacked()
    try:
        store = await asyncio.to_thread(Store, folder, unpacked, sync=settings.server.history_sync)
        event_log = await asyncio.to_thread(EventLog, folder)
    except sqlite3.Error as error:
        raise CouldNotRun(str(error)) from None
    ledger = Ledger(tags, settings.server.ledger) if settings.server.ledger is not None else None
    retention = Retention.of(settings.server.history_days, settings.server.history_gb)
    telling = Telling(context.health.trouble, Gauge(*DAMAGED, registry=context.registry).set)
    recorder = Recorder(tags, store, context.health, context.registry)
    simulator = Simulator(
        settings.reactors,
        PlantConfig(settings.plant.reactors, settings.plant.seed, settings.plant.ideal),
        timing_of(
            settings.server.scan_s,
            settings.controller.interval_s,
            lockstep=settings.server.lockstep,
            speed=settings.plant.speed,
        ),
        tags,
        now_ticks(),
        now_ticks,
    )
    checkpoints = Checkpoints(context.data / "server")
    checkpoints.restore(simulator, now_ticks(), store.newest_place())
    commands = Commands(simulator, server.longest_queue)
    audit = settings.server.audit
    lines = RotatingLines(context.data / AUDIT, round(audit.megabytes * 1e6), audit.files)
    trail = AuditTrail(lines, context.registry)
    events = AnomalyEvents(Events(server.aspace))
    anomalies = Anomalies(settings.reactors, tags, event_log, events, server.tell, context.registry)
    event_reader = EventReader(folder, anomalies.unwritten)
    reader = HistoryReader(
        tags,
        recorder,
        History(folder, unpacked, unwritten=recorder.unwritten),
        EventHistory(event_reader, events, server.aspace, server.limits),
        server.aspace.__contains__,
    )
    updater = HistoryUpdater(
        tags,
        recorder,
        Amender(folder, unpacked),
        server.aspace.__contains__,
        lambda: Storable(simulator.now - retention.age, simulator.now, simulator.epoch),
        server.limits.max_string_length,
    )

    def record() -> None:
        recorder.flush()
        anomalies.flush()
        if ledger is not None and not recorder.is_behind:
            ledger.recorded()

    publisher = server.serve(simulator, commands, reader, updater, record, trail)
    context.registry.register(server.metrics())
    simulator.show()
    record()
    start = ArchiveStart(folder, unpacked)
    await asyncio.to_thread(start.look)
    show_start(server.aspace, lambda: start.ticks)
    await serving.listen(server, settings.server)
    context.health.detail["endpoint"] = settings.server.endpoint
    anywhere = ", by all names and addresses of this machine" if is_unspecified(settings.server.listen) else ""
    context.log.info("serving %d reactors at %s%s", len(settings.reactors), settings.server.endpoint, anywhere)
    context.health.ready("start")
    registered = registered_server(settings.server, server.description)
    try:
        async with asyncio.TaskGroup() as group:
            pacer = Pacer(simulator, commands, publisher, context.health, context.registry)
            group.create_task(pacer.run(), name="scan")
            group.create_task(commands.advance_when_due(), name="lockstep")
            group.create_task(checkpoints.keep(simulator), name="checkpoints")
            group.create_task(keep(folder, retention, context.log, telling), name="history")
            group.create_task(start.keep(), name="start of the archive")
            group.create_task(users.watch(server.end_refused_sessions), name="users")
            group.create_task(server.watch_trust(), name="trust")
            group.create_task(certificates.keep(), name="certificates")
            for url in settings.server.discovery:
                registration = Registration(url, registered, certificates.present, context.data / "pki")
                group.create_task(registration.keep(), name=f"registration with {url}")
    finally:
        server.tell_shutdown(LAST_PUBLISHING_S)
        await asyncio.sleep(LAST_PUBLISHING_S)
        recorder.flush(wholly=True)
        publisher.publish_all()
        await server.stop()
        await asyncio.to_thread(trail.close)
        await asyncio.to_thread(reader.close)
        await asyncio.to_thread(updater.close)
        await asyncio.to_thread(start.close)
        await asyncio.to_thread(store.close)
        await asyncio.to_thread(event_log.close)


if __name__ == "__main__":
    sys.exit(main("server", serve))
