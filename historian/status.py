"""Each reactor's retained status on MQTT, with the last will."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterable

from plant.clock import text_from_ticks, ticks_from_unix_ns
from plant.names import topic
from runtime.errors import LinkLost
from runtime.mqtt_link import MqttLink, Will, keep_connected

OFFLINE = b'{"state":"offline"}'


class Source:
    """Whether the OPC UA server is connected, for those who tell it."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        """Set at the next change; it is another one then."""
        self._say(is_there=False)

    def is_now(self, *, there: bool) -> None:
        """Take whether values come."""
        if there != self.is_there:
            self._say(is_there=there)

    def online(self) -> bytes:
        """Return the status of a historian that runs."""
        told = {"state": "online", "source": "connected" if self.is_there else "lost", "since": self._since}
        return json.dumps(told, separators=(",", ":")).encode()

    def _say(self, *, is_there: bool) -> None:
        self.is_there = is_there
        self._since = text_from_ticks(ticks_from_unix_ns(time.time_ns()))
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


class Statuses:
    """Those of all reactors, and other folders of signals."""

    def __init__(self, url: str, site: str, source: Source, folders: Iterable[str]) -> None:
        self._url, self._site, self._source = url, site, source
        self._folders = set(folders)
        self._is_changed = asyncio.Event()

    def of(self, folders: Iterable[str]) -> None:
        """Have these have a status; one that is no more is offline."""
        self._folders = set(folders)
        self._is_changed.set()

    async def run(self) -> None:
        """Keep them, for ever."""
        tasks: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                self._is_changed.clear()
                for folder in tasks.keys() - self._folders:
                    tasks.pop(folder).cancel()
                for folder in self._folders - tasks.keys():
                    status = keep_status(self._url, folder, self._site, self._source)
                    tasks[folder] = group.create_task(status, name=f"status {folder}")
                await self._is_changed.wait()


async def keep_status(url: str, reactor: str, site: str, source: Source) -> None:
    """Keep a reactor's retained status; a session of its own, since a session has but one last will."""
    where = topic(reactor, "status", site)

    async def work(link: MqttLink) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(link.lost(), name="is the broker there")
                while True:
                    changed = source.changed
                    await link.publish(where, source.online(), retain=True)
                    await changed.wait()
        finally:
            with contextlib.suppress(LinkLost):
                await asyncio.shield(link.publish(where, OFFLINE, retain=True))

    await keep_connected(url, f"cstr-historian-status-{site}-{reactor}", work, will=Will(where, OFFLINE))
