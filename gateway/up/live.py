"""What the screen shows of the plant: the newest values, and five minutes of T, over OPC UA."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from pathlib import Path

from plant.names import loop_name
from plant.sample import Scalar
from runtime.opcua_link.connect import keep_connected, service_login
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.values import Notification
from runtime.settings import Settings

TREND_S = 300.0
TREND_POINTS = 40
REFRESH_S = 0.5
MOST_REACTORS = 50


class LivePlant:
    """Newest values by signal name; None while unknown or Bad."""

    def __init__(self, settings: Settings, data: Path) -> None:
        self._settings = settings
        self._data = data
        self._values: dict[str, Scalar | None] = {}
        self._trends: dict[str, deque[float]] = {}

    @property
    def reactors(self) -> tuple[str, ...]:
        """Those that may be shown; none of a server that is no plant of ours."""
        if self._settings.historian.nodes:
            return ()
        return self._settings.reactors[:MOST_REACTORS]

    def value(self, reactor: str, name: str) -> Scalar | None:
        """Return a value by its name within the reactor; `TIC.SP` stands for the reactor's own loop."""
        if name.startswith("TIC."):
            name = loop_name(reactor) + name.removeprefix("TIC")
        return self._values.get(f"{reactor}.{name}")

    def trend(self, reactor: str) -> list[float]:
        """Return T over the last five minutes, oldest first."""
        return list(self._trends.get(reactor, ()))

    async def follow(self) -> None:
        """Keep the values fresh, for ever."""
        if not self.reactors:
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(
                keep_connected(
                    self._settings.server.local_endpoint,
                    "screen",
                    self._subscribe,
                    login=service_login("gateway", self._settings, self._data),
                ),
                name="screen",
            )
            group.create_task(self._remember(), name="trend")

    async def _subscribe(self, link: OpcuaLink) -> None:
        names = [
            f"{reactor}.{name}"
            for reactor in self.reactors
            for name in (
                "T",
                "Ca",
                "Tc",
                *(f"{loop_name(reactor)}.{leaf}" for leaf in ("SP", "WSP", "Mode")),
                *(f"Detector.{leaf}" for leaf in ("Anomaly", "Cause")),
            )
        ]
        await link.subscribe(names, self._take, publishing_s=REFRESH_S)
        await asyncio.Event().wait()

    async def _take(self, data: Notification) -> None:
        for reading in data.readings():
            self._values[reading.name] = None if reading.is_bad else reading.value

    async def _remember(self) -> None:
        every_s = TREND_S / TREND_POINTS
        following = time.monotonic()
        while True:
            for reactor in self.reactors:
                t_k = self.value(reactor, "T")
                if isinstance(t_k, float):
                    trend = self._trends.setdefault(reactor, deque(maxlen=TREND_POINTS))
                    trend.append(t_k)
            following += every_s
            await asyncio.sleep(max(0.0, following - time.monotonic()))
