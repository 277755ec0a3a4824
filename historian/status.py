"""Each reactor's retained status on MQTT, with the last will."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

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
