"""The trail of commands from MQTT: each as a JSON line, done or refused, beside the server's own trail."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping

from historian.metrics import Metrics
from runtime.rotating_lines import RotatingLines

log = logging.getLogger("historian")


class CommandTrail:
    """Writes in a thread, so that a slow disk holds nothing but the next command."""

    def __init__(self, lines: RotatingLines, metrics: Metrics) -> None:
        self._lines, self._metrics = lines, metrics
        self._is_failing = False

    async def put(self, record: Mapping[str, object]) -> None:
        """Write a record; one that the disk refuses is counted, and is in the log only."""
        line = json.dumps({"event": "MqttCommand", **record}).encode() + b"\n"
        try:
            await asyncio.to_thread(self._lines.write, line)
        except OSError as error:
            if not self._is_failing:
                log.error("audit: %s; commands are in the log only until the trail can be written", error)
            self._is_failing = True
            self._metrics.unaudited()
            return
        if self._is_failing:
            log.warning("audit: the trail of commands is written again")
        self._is_failing = False
