"""The link to the MQTT broker: each publish confirmed but those of QoS 0, reconnecting for ever with backoff."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import aiomqtt

from runtime.errors import LinkLost
from runtime.reconnect import OnState, keep, nobody_told

CONFIRM_TIMEOUT_S = 10.0
QUEUED = 1000
NOBODYS_TOPIC = "nobody/subscribes/this"


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes when the link dies without goodbye."""

    topic: str
    payload: bytes
    retain: bool = True


@dataclass(frozen=True, slots=True)
class Message:
    """One message received."""

    topic: str
    payload: bytes
    retained: bool = False
    """True when the broker kept it from before the subscription."""


class MqttLink:
    """A connected session; made by `connected` or `keep_connected`."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1 and return when the broker has confirmed.

        Raises:
            LinkLost: when the broker went away or does not confirm in time.
        """
        try:
            await self._client.publish(topic, payload, qos=1, retain=retain, timeout=CONFIRM_TIMEOUT_S)
        except aiomqtt.MqttError as error:
            raise LinkLost(f"MQTT publish: {error}") from error

    async def send(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0: the broker does not confirm, and `settle` tells that it has it.

        Raises:
            LinkLost: when the broker went away.
        """
        try:
            await self._client.publish(topic, payload, qos=0, timeout=CONFIRM_TIMEOUT_S)
        except aiomqtt.MqttError as error:
            raise LinkLost(f"MQTT publish: {error}") from error

    async def settle(self) -> None:
        """Return when the broker has taken all that was sent before, since it handles a session's packets in order.

        What it answers, to unsubscribe from what nobody has subscribed to, changes nothing.

        Raises:
            LinkLost: when the broker went away or does not answer in time.
        """
        try:
            await self._client.unsubscribe(NOBODYS_TOPIC, timeout=CONFIRM_TIMEOUT_S)
        except aiomqtt.MqttError as error:
            raise LinkLost(f"MQTT: {error}") from error

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe at QoS 1.

        Raises:
            LinkLost: when the broker went away.
        """
        try:
            await self._client.subscribe([(topic, 1) for topic in topics], timeout=CONFIRM_TIMEOUT_S)
        except aiomqtt.MqttError as error:
            raise LinkLost(f"MQTT subscribe: {error}") from error

    async def lost(self) -> None:
        """Wait until the broker goes away, over a session that has subscribed to nothing.

        Raises:
            LinkLost: then.
        """
        async for _ in self.messages():
            pass

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what arrives.

        Raises:
            LinkLost: when the broker went away.
        """
        try:
            async for message in self._client.messages:
                payload = message.payload
                yield Message(message.topic.value, payload if isinstance(payload, bytes) else b"", message.retain)
        except aiomqtt.MqttError as error:
            raise LinkLost(f"MQTT: {error}") from error


@contextlib.asynccontextmanager
async def connected(
    url: str, client_id: str, *, will: Will | None = None, persistent: bool = False
) -> AsyncIterator[MqttLink]:
    """Connect to `mqtt://[user:password@]host:port` (`mqtts` checks the certificate).

    Raises:
        LinkLost: when the broker cannot be reached or goes away; the text never holds the password.
    """
    parts = urlsplit(url)
    client = aiomqtt.Client(
        hostname=parts.hostname or "127.0.0.1",
        port=parts.port or (8883 if parts.scheme == "mqtts" else 1883),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        identifier=client_id,
        clean_session=not persistent,
        will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=will.retain) if will else None,
        tls_params=aiomqtt.TLSParameters() if parts.scheme == "mqtts" else None,
        keepalive=10,
        timeout=5,
        max_queued_outgoing_messages=QUEUED,
        max_queued_incoming_messages=QUEUED,
    )
    client.pending_calls_threshold = QUEUED
    try:
        async with client:
            yield MqttLink(client)
    except aiomqtt.MqttError as error:
        raise LinkLost(f"MQTT broker {parts.hostname}:{parts.port}: {error}") from error


async def keep_connected(
    url: str,
    client_id: str,
    work: Callable[[MqttLink], Awaitable[None]],
    *,
    will: Will | None = None,
    persistent: bool = False,
    on_state: OnState = nobody_told,
) -> None:
    """Run `work(link)` over a session, made again whenever it is lost (`runtime.reconnect.keep`)."""
    await keep("MQTT broker", lambda: connected(url, client_id, will=will, persistent=persistent), work, on_state)
