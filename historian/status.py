"""Each reactor's retained status on MQTT, with the last will."""

from __future__ import annotations

import asyncio
import contextlib

from plant.names import topic
from runtime.errors import LinkLost
from runtime.mqtt_link import MqttLink, Will, keep_connected

ONLINE, OFFLINE = b'{"state":"online"}', b'{"state":"offline"}'


async def keep_status(url: str, reactor: str, site: str) -> None:
    """Keep a reactor's retained status; a session of its own, since a session has but one last will."""
    where = topic(reactor, "status", site)

    async def work(link: MqttLink) -> None:
        await link.publish(where, ONLINE, retain=True)
        try:
            await asyncio.Event().wait()
        finally:
            with contextlib.suppress(LinkLost):
                await asyncio.shield(link.publish(where, OFFLINE, retain=True))

    await keep_connected(url, f"cstr-historian-status-{site}-{reactor}", work, will=Will(where, OFFLINE))
