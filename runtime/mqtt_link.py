"""The link to the MQTT broker: each publish confirmed but those of QoS 0, reconnecting for ever with backoff."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import aiomqtt

from runtime.errors import LinkLost
from runtime.reconnect import OnState, is_cancelled, keep, nobody_told

CONFIRM_TIMEOUT_S = 10.0
QUEUED = 1000
NOBODYS_TOPIC = "nobody/subscribes/this"

# aiomqtt's own waits are by wait_for, which forgets that it is cancelled when the answer comes at that moment
# (Python 3.11): so it waits for ever, and the time is this module's.
FOR_EVER = math.inf


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


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """What has arrived and is not read yet; what there is no room for is counted."""

    dropped = 0

    def put_nowait(self, item: aiomqtt.Message) -> None:
        if self.full():
            self.dropped += 1
        else:
            super().put_nowait(item)


class MqttLink:
    """A connected session; made by `connected` or `keep_connected`."""

    def __init__(self, client: aiomqtt.Client, inbox: _Inbox) -> None:
        self._client, self._inbox = client, inbox

    @property
    def dropped(self) -> int:
        """How many messages were lost because too many had not been read."""
        return self._inbox.dropped

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1 and return when the broker has confirmed.

        Raises:
            LinkLost: when the broker went away or does not confirm in time.
        """
        async with _answer_in_time("publish"):
            await self._client.publish(topic, payload, qos=1, retain=retain, timeout=FOR_EVER)

    async def send(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0: the broker does not confirm, and `settle` tells that it has it.

        Raises:
            LinkLost: when the broker went away.
        """
        async with _answer_in_time("publish"):
            await self._client.publish(topic, payload, qos=0, timeout=FOR_EVER)

    async def settle(self) -> None:
        """Return when the broker has taken all that was sent before, since it handles a session's packets in order.

        What it answers, to unsubscribe from what nobody has subscribed to, changes nothing.

        Raises:
            LinkLost: when the broker went away or does not answer in time.
        """
        async with _answer_in_time("unsubscribe"):
            await self._client.unsubscribe(NOBODYS_TOPIC, timeout=FOR_EVER)

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe at QoS 1.

        Raises:
            LinkLost: when the broker went away.
        """
        async with _answer_in_time("subscribe"):
            await self._client.subscribe([(topic, 1) for topic in topics], timeout=FOR_EVER)

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
async def _answer_in_time(what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(CONFIRM_TIMEOUT_S):
            yield
    except TimeoutError:
        message = f"MQTT {what}: no answer within {CONFIRM_TIMEOUT_S:g} s"
        raise LinkLost(message) from None
    except aiomqtt.MqttError as error:
        raise LinkLost(f"MQTT {what}: {error}") from error


@contextlib.asynccontextmanager
async def connected(
    url: str, client_id: str, *, will: Will | None = None, persistent: bool = False
) -> AsyncIterator[MqttLink]:
    """Connect to `mqtt://[user:password@]host:port` (`mqtts` checks the certificate).

    Raises:
        LinkLost: when the broker cannot be reached or goes away; the text never holds the password.
    """
    parts = urlsplit(url)
    inbox = _Inbox(QUEUED)
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
        queue_type=lambda maxsize: inbox,  # type: ignore[arg-type]
    )
    client.pending_calls_threshold = QUEUED
    try:
        async with client:
            if is_cancelled():  # while it connected, which forgets that
                raise asyncio.CancelledError
            yield MqttLink(client, inbox)
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
