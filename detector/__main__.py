"""The detector: `python -P -m detector`."""

from __future__ import annotations

import asyncio
import sys
import threading
from datetime import datetime
from typing import Any

from prometheus_client import Counter

from detector.batch.schedule import run_hourly
from detector.database import Database
from detector.statements import Anomaly, end_forgotten, put_anomaly, put_summary
from detector.stream.cache import load_or_train
from detector.stream.judge import Judge
from detector.stream.model import Model
from detector.stream.outbox import Outbox
from detector.stream.watcher import METHOD, Watcher
from detector.stream.windows import Window, Windows
from plant.clock import datetime_from_ticks, text_from_ticks, ticks_from_datetime
from runtime import mqtt_link
from runtime.opcua_link.connect import keep_connected, service_login
from runtime.opcua_link.link import OpcuaLink
from runtime.reconnect import OnState
from runtime.service import Context, main

MODEL_FILE, WINDOWS_FILE = "baseline.joblib", "windows.npz"
SUMMARIES_EVERY_S = 60.0
LAST_WORDS_S = 2.0


class Ending(Exception):  # noqa: N818
    """Leaves the training, whose thread cannot be cancelled, when the service ends."""


async def serve(context: Context) -> None:
    """Train when needed, then judge, record and publish until cancelled."""
    health = context.health
    health.wait_for("model", "training on the plant's own normal run")
    health.wait_for("server")
    health.ready("start")
    detector = Detector(context)
    context.log.info("loading the model")
    is_ending = threading.Event()

    def tell(share: float) -> None:
        if is_ending.is_set():
            raise Ending
        health.detail["training"] = f"{share:.0%}"

    try:
        model = await asyncio.to_thread(load_or_train, context.data / "detector" / MODEL_FILE, tell)
    finally:
        is_ending.set()
    health.detail.pop("training", None)
    health.ready("model")
    await detector.run(model)


class Detector:
    """What one detector keeps while links come and go."""

    def __init__(self, context: Context) -> None:
        self._context = context
        settings, registry = context.settings, context.registry
        dsn = settings.postgres.dsn
        self._database = Database(dsn.get_secret_value(), registry) if dsn is not None else None
        self._outbox = Outbox(settings.mqtt.site, registry)
        self._intervals = Counter("cstr_detector_intervals", "Intervals judged.", registry=registry)
        self._episodes = Counter("cstr_anomalies", "Anomalies begun.", ["reactor"], registry=registry)
        self._windows: Windows | None = None
        self._judge: Judge | None = None
        self._is_failing = False
        """True while the windows cannot be kept: a full disk is said once."""
        self._began: set[tuple[str, datetime]] = set()
        for part, present in (("database", dsn), ("broker", settings.mqtt.url)):
            if present is not None:
                context.health.wait_for(part)
            else:
                context.log.warning("no %s is set: what is found is not recorded there", part)

    async def run(self, model: Model) -> None:
        """Judge, record and publish until cancelled."""
        settings = self._context.settings
        async with asyncio.TaskGroup() as links:
            if self._database is not None:
                links.create_task(self._database.run(self._on_state("database")), name="database")
            if settings.mqtt.url is not None:
                broker = mqtt_link.keep_connected(
                    settings.mqtt.url.get_secret_value(),
                    f"cstr-detector-{settings.mqtt.site}",
                    self._outbox.run,
                    on_state=self._on_state("broker"),
                )
                links.create_task(broker, name="mqtt")
            try:
                async with asyncio.TaskGroup() as work:
                    work.create_task(self._watch(model), name="watcher")
                    work.create_task(self._summarize(model), name="summaries")
                    if self._database is not None and settings.detector.batch.schedule == "hourly":
                        schedule = run_hourly(settings.detector.batch, self._database, self._context.data)
                        work.create_task(schedule, name="batch")
            finally:
                await self._end(model)

    async def _end(self, model: Model) -> None:
        """Keep and record what is not yet; the links are still up."""
        self._keep_windows()
        if self._windows is not None and self._database is not None:
            self._record(model, self._windows.present())
            await self._database.flush(LAST_WORDS_S)

    async def _watch(self, model: Model) -> None:
        context, settings = self._context, self._context.settings
        kept = context.data / "detector" / WINDOWS_FILE

        async def work(link: OpcuaLink) -> None:
            reactors = await link.reactors()
            if self._windows is None or self._judge is None:
                self._windows = Windows(reactors)
                self._windows.load(kept)
                self._judge = Judge(model, len(reactors))
            watcher = Watcher(
                self._judge,
                reactors,
                settings.detector.interval_s,
                self._windows,
                self._on_episode,
                lambda ended: self._record(model, ended),
            )
            under_way = await watcher.resume(link)
            self._forget_others(reactors, under_way, datetime_from_ticks(self._judge.time))
            await watcher.run(link, self._on_judged)

        await keep_connected(
            settings.server.local_endpoint,
            "detector",
            work,
            login=service_login("detector", settings, context.data),
            on_state=self._on_server,
        )

    def _forget_others(self, reactors: list[str], under_way: set[str], now: datetime) -> None:
        """End the recorded episodes of reactors that have none, and tell of it."""

        def tell(rows: list[tuple[Any, ...]]) -> None:
            for row in rows:
                self._publish(Anomaly(*row))

        if self._database is not None:
            forgotten = [end_forgotten(name, METHOD, now) for name in reactors if name not in under_way]
            self._database.submit(*forgotten, then=tell)

    def _on_judged(self) -> None:
        self._intervals.inc()
        self._context.health.ready("server")

    def _on_server(self, up: bool, why: str) -> None:
        if not up:
            self._context.health.lost("server", why)

    def _on_state(self, part: str) -> OnState:
        health = self._context.health

        def told(up: bool, why: str) -> None:
            if up:
                health.ready(part)
            else:
                health.lost(part, why)

        return told

    def _on_episode(self, anomaly: Anomaly) -> None:
        if self._database is not None:
            self._database.submit(put_anomaly(anomaly))
        self._publish(anomaly)

    def _publish(self, anomaly: Anomaly) -> None:
        """Tell of an episode's start and of its end, once each."""
        key = (anomaly.reactor, anomaly.started_at)
        ended = anomaly.ended_at
        if key in self._began and ended is None:
            return
        if ended is None:
            self._began.add(key)
            self._episodes.labels(anomaly.reactor).inc()
        else:
            self._began.discard(key)
        self._outbox.put(
            anomaly.reactor,
            {
                "reactor": anomaly.reactor,
                "state": "began" if ended is None else "ended",
                "started_at": text_from_ticks(ticks_from_datetime(anomaly.started_at)),
                "ended_at": text_from_ticks(ticks_from_datetime(ended)) if ended is not None else None,
                "peak_score": anomaly.peak_score,
                "method": anomaly.method,
                "cause": anomaly.cause,
                "details": dict(anomaly.details),
            },
        )

    def _record(self, model: Model, windows: dict[str, Window]) -> None:
        if self._database is not None:
            self._database.submit(*(put_summary(window.summary(name, model)) for name, window in windows.items()))

    async def _summarize(self, model: Model) -> None:
        """Bring the present hour's summaries up to date every minute, for ever."""
        first = True
        while True:
            await asyncio.sleep(SUMMARIES_EVERY_S / 6 if first else SUMMARIES_EVERY_S)
            first = False
            if self._windows is not None:
                self._record(model, self._windows.present())
                self._keep_windows()

    def _keep_windows(self) -> None:
        if self._windows is None:
            return
        path = self._context.data / "detector" / WINDOWS_FILE
        try:
            self._windows.save(path)
        except OSError as error:
            if not self._is_failing:
                self._context.log.error("%s: %s; a restart would begin this hour anew", path, error.strerror)
            self._is_failing = True
        else:
            self._is_failing = False


if __name__ == "__main__":
    sys.exit(main("detector", serve))
