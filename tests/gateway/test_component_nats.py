"""The embedded broker: what it acknowledged it still has after SIGKILL."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiomqtt
import pytest

from gateway.components.nats import USER, Nats
from runtime.ports import free_port


def client(broker: Nats, name: str, *, password: str | None, clean: bool = True) -> aiomqtt.Client:
    return aiomqtt.Client(
        "127.0.0.1",
        broker.port,
        identifier=name,
        username=USER if password is not None else None,
        password=password,
        clean_session=clean,
        timeout=5,
    )


async def test_acknowledged_messages_reach_an_absent_subscriber_after_sigkill(
    tmp_path: Path, serving
) -> None:
    broker = Nats(tmp_path, free_port(), free_port(), password="right")
    async with serving(broker) as child:
        async with client(broker, "absent", password="right", clean=False) as subscriber:
            await subscriber.subscribe("plant/+/+/+/lp", qos=1)
        async with client(broker, "publisher", password="right") as publisher:
            for n in range(500):
                await publisher.publish("plant/main/Area1/R101/lp", f"{n}", qos=1)
        child.kill()
        await child.start()
        received: list[int] = []
        async with client(broker, "absent", password="right", clean=False) as subscriber:
            async with asyncio.timeout(20):
                async for message in subscriber.messages:
                    received.append(int(message.payload))
                    if len(set(received)) == 500:
                        break
        assert sorted(received) == list(range(500))
        assert received == sorted(received)


async def test_a_last_retained_value_survives_sigkill(tmp_path: Path, serving) -> None:
    broker = Nats(tmp_path, free_port(), free_port())
    async with serving(broker) as child:
        async with client(broker, "publisher", password=None) as publisher:
            await publisher.publish("plant/main/Area1/R101/status", "up", qos=1, retain=True)
        child.kill()
        await child.start()
        async with client(broker, "late", password=None) as subscriber:
            await subscriber.subscribe("plant/main/Area1/+/status", qos=1)
            async with asyncio.timeout(5):
                message = await anext(aiter(subscriber.messages))
        assert message.payload == b"up"


@pytest.mark.parametrize("password", [None, "wrong"])
async def test_a_client_without_the_password_is_refused(
    tmp_path: Path, serving, password: str | None
) -> None:
    broker = Nats(tmp_path, free_port(), free_port(), password="right")
    async with serving(broker):
        with pytest.raises(aiomqtt.MqttError):
            async with client(broker, "stranger", password=password):
                pass
    assert (tmp_path / "mqtt/nats.conf").stat().st_mode & 0o777 == 0o600
