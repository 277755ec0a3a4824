"""Episodes that are no longer under way when the detector comes back: ended in plant time, and told of."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import detector.__main__ as service
from detector.database import connect, execute
from detector.statements import Anomaly, put_anomaly
from plant import quality
from plant.clock import ticks_from_datetime
from runtime.health import Health
from runtime.opcua_link.values import Notification, Reading
from runtime.reconnect import nobody_told
from runtime.service import Context
from runtime.settings_file import load_settings

NOW = datetime(2031, 11, 24, 10, tzinfo=UTC)
"""The plant's, not the wall clock's."""
BEGAN = NOW - timedelta(minutes=5)


class Server:
    """Stands where the OPC UA link would: R102 has an anomaly, R101 has none."""

    async def reactors(self) -> list[str]:
        return ["R101", "R102"]

    async def read(self, names: Sequence[str]) -> list[Reading]:
        since = BEGAN.strftime("%Y-%m-%dT%H:%M:%SZ")
        values: dict[str, Any] = {"R102.Detector.Anomaly": True, "R102.Detector.Since": since}
        now = ticks_from_datetime(NOW)
        return [Reading(name, values.get(name), quality.GOOD, now, now) for name in names]

    async def history(self, name: str, start: int, end: int, *, bounds: bool = False) -> Notification:
        return Notification.of([], [name])

    async def subscribe(self, *arguments: object, **options: object) -> int:
        return 1


async def test_the_row_ends_at_plant_time_and_mqtt_is_told(
    database_server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = database_server.component.dsn
    with contextlib.closing(connect(dsn)) as connection:
        for reactor in ("R101", "R102"):
            execute(connection, put_anomaly(Anomaly(reactor, BEGAN, None, 2.5, "baseline", "T high", {"sd": 3})))

    async def connected(endpoint: str, name: str, work: Callable[[Server], Awaitable[None]], **options: object) -> None:
        await work(Server())

    monkeypatch.setattr(service, "keep_connected", connected)
    settings = load_settings(None, {"postgres.dsn": dsn}, env={})
    detector = service.Detector(Context("detector", settings, tmp_path, Health("detector"), logging.getLogger("test")))
    assert detector._database is not None
    tasks = [
        asyncio.create_task(detector._database.run(nobody_told)),
        asyncio.create_task(detector._watch(None)),  # type: ignore[arg-type]
    ]
    try:
        async with asyncio.timeout(20):
            while not detector._outbox._waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    ((topic, payload),) = detector._outbox._waiting
    assert topic == "plant/main/Area1/R101/anomaly"
    message = json.loads(payload)
    assert (message["state"], message["ended_at"]) == ("ended", "2031-11-24T10:00:00.0000000Z")
    assert (message["peak_score"], message["cause"], message["details"]) == (2.5, "T high", {"sd": 3})
    with contextlib.closing(connect(dsn)) as connection:
        rows = execute(connection, ("SELECT reactor, ended_at FROM cstr.anomaly ORDER BY reactor", ()))
    assert rows == [("R101", NOW), ("R102", None)]
