"""The host application that an edge node publishes for: without it nothing is sent, and all of it kept (STATE)."""

from __future__ import annotations

import asyncio
import json

from historian.sparkplug.payload import NotSparkplug


class PrimaryHost:
    """One session's knowledge of whether it is there; without a name it always is."""

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._online = asyncio.Event()
        self._newest_ms = 0
        if name is None:
            self._online.set()

    @property
    def topics(self) -> list[str]:
        """Where its state is, retained."""
        return [f"spBv1.0/STATE/{self._name}"] if self._name is not None else []

    @property
    def is_there(self) -> bool:
        """Whether it is."""
        return self._online.is_set()

    async def wait(self) -> None:
        """Return when it is."""
        await self._online.wait()

    def take(self, payload: bytes) -> None:
        """Take what its STATE says, unless it is older than what is known: the will of a session that it had before.

        Raises:
            NotSparkplug: if it is not `{"online": true or false, "timestamp": milliseconds}`.
        """
        try:
            state = json.loads(payload)
            online, timestamp_ms = state["online"], state["timestamp"]
        except (ValueError, TypeError, KeyError, RecursionError):
            online = timestamp_ms = None
        if type(online) is not bool or type(timestamp_ms) is not int:
            allowed = '{"online": true or false, "timestamp": milliseconds}'
            message = f"{payload[:100]!r} is no STATE: allowed is {allowed}"
            raise NotSparkplug(message)
        if timestamp_ms < self._newest_ms:
            return
        self._newest_ms = timestamp_ms
        if online:
            self._online.set()
        else:
            self._online.clear()
