"""The embedded broker: what it acknowledged it still has after SIGKILL."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from dataclasses import replace
from pathlib import Path

import aiomqtt
import pytest

from gateway.components.nats import USER, Nats
from gateway.components.telegraf import CLIENT_ID
from runtime.config_files import config_file
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


async def test_acknowledged_messages_reach_an_absent_subscriber_after_sigkill(tmp_path: Path, serving) -> None:
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
async def test_a_client_without_the_password_is_refused(tmp_path: Path, serving, password: str | None) -> None:
    broker = Nats(tmp_path, free_port(), free_port(), password="right")
    async with serving(broker):
        with pytest.raises(aiomqtt.MqttError):
            async with client(broker, "stranger", password=password):
                pass
    assert (tmp_path / "mqtt/nats.conf").stat().st_mode & 0o777 == 0o600


async def test_a_session_nobody_comes_back_for_is_forgotten(tmp_path: Path, serving) -> None:
    broker = Nats(tmp_path, free_port(), free_port())
    async with serving(broker) as child:
        async with client(broker, CLIENT_ID, password=None, clean=False) as subscriber:
            await subscriber.subscribe("plant/+/+/+/lp", qos=1)
        assert child.stop() == 0
    async with serving(replace(broker, forget=(CLIENT_ID,))):
        async with client(broker, "publisher", password=None) as publisher:
            await publisher.publish("plant/main/Area1/R101/lp", "kept for nobody", qos=1)
        async with client(broker, CLIENT_ID, password=None, clean=False) as subscriber:
            await subscriber.subscribe("plant/+/+/+/lp", qos=1)
            async with client(broker, "publisher", password=None) as publisher:
                await publisher.publish("plant/main/Area1/R101/lp", "for the new session", qos=1)
            async with asyncio.timeout(5):
                message = await anext(aiter(subscriber.messages))
    assert message.payload == b"for the new session"


async def fill(broker: Nats, messages: int) -> int:
    """Publish until one is not confirmed; how many were."""
    confirmed = 0
    with contextlib.suppress(aiomqtt.MqttError):
        async with client(broker, "publisher", password=None) as publisher:
            while confirmed < messages:
                await publisher.publish("plant/x", f"{confirmed:06}" + 50_000 * " ", qos=1, timeout=2)
                confirmed += 1
    return confirmed


async def test_a_full_store_refuses_new_messages_and_the_absent_comes_back_for_the_old(tmp_path: Path, serving) -> None:
    broker = Nats(tmp_path, free_port(), free_port(), max_store_bytes=2_000_000)
    async with serving(broker) as child:
        async with client(broker, "absent", password=None, clean=False) as subscriber:
            await subscriber.subscribe("plant/#", qos=1)
        confirmed = await fill(broker, 100)
        assert 10 < confirmed < 100
        child.kill()
        await child.start()
        received: list[int] = []
        async with client(broker, "absent", password=None, clean=False) as subscriber, asyncio.timeout(20):
            async for message in subscriber.messages:
                received.append(int(message.payload[:6]))
                if len(received) == confirmed:
                    break
        assert received == list(range(confirmed))
        assert await fill(broker, 10) == 10


def test_the_client_to_forget_is_the_one_of_telegrafs_configuration() -> None:
    assert f'client_id = "{CLIENT_ID}"' in config_file("telegraf.conf").read_text()


async def test_a_probe_that_is_cancelled_leaves_no_traceback(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        asked.set()
        await asyncio.sleep(0.2)
        writer.close()

    gc.collect()  # what the clients of other tests leave behind is not this one's
    caplog.clear()
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        waiting = asyncio.create_task(Nats(tmp_path, port, free_port()).wait_ready(10))
        await asyncio.wait_for(asked.wait(), 5)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await waiting
        await asyncio.sleep(0.5)
        assert cancelled.traceback  # holds the client, whose socket the broker closes meanwhile
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
