"""Messages that go to the broker side by side."""

from __future__ import annotations

import asyncio

from runtime.errors import LinkLost
from runtime.mqtt_link import MqttLink

IN_FLIGHT = 10
"""Messages handed to the broker's link at once: each takes a fraction of a millisecond, and samples come meanwhile."""

Messages = list[tuple[str, bytes]]
"""Topics and payloads."""


async def publish_all(link: MqttLink, messages: Messages) -> None:
    """Publish in order, and return when the broker has acknowledged all of it.

    Raises:
        LinkLost: when it has not; some of it may be there.
    """
    for start in range(0, len(messages), IN_FLIGHT):
        try:
            async with asyncio.TaskGroup() as group:
                for where, payload in messages[start : start + IN_FLIGHT]:
                    group.create_task(link.publish(where, payload))
        except BaseExceptionGroup as failed:
            lost, other = failed.split(LinkLost)
            if lost is None or other is not None:
                raise
            raise LinkLost(str(lost.exceptions[0])) from failed
