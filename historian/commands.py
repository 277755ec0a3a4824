"""Commands from MQTT back to OPC UA: a short list of what may be written, each answered."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable

from historian.metrics import Metrics
from historian.publisher import as_json
from plant import quality
from plant.clock import ticks_from_text, ticks_from_unix_ns
from plant.names import AREA, loop_name, topic
from runtime.errors import LinkLost
from runtime.mqtt_link import Message, MqttLink
from runtime.opcua_link.link import OpcuaLink

log = logging.getLogger("historian")

ALLOWED_LEAVES = ("SP", "ModeTarget", "OUT")
LARGEST_PAYLOAD = 4096


class Commander:
    """Takes `{"id", "signal", "value"[, "expires"]}` from `.../cmd`, writes, and answers on `.../reply`."""

    def __init__(self, link_now: Callable[[], OpcuaLink | None], metrics: Metrics, site: str) -> None:
        self._link_now, self._metrics, self._site = link_now, metrics, site

    async def run(self, link: MqttLink) -> None:
        """Answer commands until the link is lost."""
        await link.subscribe([f"plant/{self._site}/{AREA}/+/cmd"])
        async for message in link.messages():
            reactor = message.topic.split("/")[-2]
            answer = await self._answer(reactor, message)
            self._metrics.command("done" if answer["status"] == "Good" else "refused")
            log.info("MQTT command on %s: %s", message.topic, answer["status"])
            await link.publish(topic(reactor, "reply", self._site), json.dumps(answer).encode())

    async def _answer(self, reactor: str, message: Message) -> dict[str, object]:
        command = as_json(message.payload) if len(message.payload) <= LARGEST_PAYLOAD else None
        if command is None:
            self._metrics.rejected("mqtt_payload", 1)
            return _answer(None, "BadDecodingError", 'allowed is {"id": ..., "signal": ..., "value": ...}')
        number = command.get("id")
        allowed = [f"{reactor}.{loop_name(reactor)}.{leaf}" for leaf in ALLOWED_LEAVES] if reactor[1:].isdigit() else []
        signal, value = command.get("signal"), command.get("value")
        if signal not in allowed:
            return _answer(number, "BadNotWritable", f"signal: allowed are {', '.join(allowed)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return _answer(number, "BadTypeMismatch", "value: allowed is a number")
        if "expires" in command and not _is_future(command["expires"]):
            return _answer(number, "BadTimeout", "expires: is over, or is no ISO 8601 time")
        link = self._link_now()
        if link is None:
            return _answer(number, "BadNoCommunication", "the OPC UA server is away")
        plain = int(value) if str(signal).endswith("ModeTarget") else float(value)
        try:
            results = await link.write({str(signal): plain})
        except LinkLost as error:
            return _answer(number, "BadCommunicationError", str(error))
        return _answer(number, quality.name_of(results[str(signal)]), "")


def _answer(number: object, status: str, why: str) -> dict[str, object]:
    return {"id": number, "status": status, "why": why}


def _is_future(text: object) -> bool:
    try:
        return ticks_from_text(str(text)) > ticks_from_unix_ns(time.time_ns())
    except ValueError:
        return False
