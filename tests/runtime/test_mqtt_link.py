"""The MQTT link against the real embedded broker: confirmed, reconnecting, with a last will."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import aiomqtt
import pytest

from gateway.components.nats import Nats
from runtime import mqtt_link, reconnect
from runtime.errors import LinkLost
from runtime.mqtt_link import Message, MqttLink, Will, connected, keep_connected
from runtime.ports import free_port


class Broker:
    """A broker that can be killed and started again on the same port and data."""

    def __init__(self, data: Path) -> None:
        self.nats = Nats(data, free_port(), free_port(), password="secret-word")
        self.child: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        await self.nats.prepare()
        spec = self.nats.spec()
        self.child = await asyncio.create_subprocess_exec(*spec.argv, cwd=spec.cwd, stderr=subprocess.DEVNULL)
        await self.nats.wait_ready(10)

    async def kill(self) -> None:
        if self.child is not None and self.child.returncode is None:
            self.child.kill()
            await self.child.wait()


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    broker = Broker(tmp_path)
    await broker.start()
    yield broker
    await broker.kill()


async def test_what_is_published_arrives_and_a_will_is_kept(broker: Broker) -> None:
    url = broker.nats.url
    async with connected(url, "reader") as reader:
        await reader.subscribe(["plant/#"])
        arriving = reader.messages()
        async with connected(url, "writer", will=Will("plant/status", b"offline")) as writer:
            await writer.publish("plant/R101/lp", b"\x00opc")
            assert await anext(arriving) == Message("plant/R101/lp", b"\x00opc")
            await writer.publish("plant/status", b"online", retain=True)
            assert await anext(arriving) == Message("plant/status", b"online")
        await arriving.aclose()
    async with connected(url, "late") as late:
        await late.subscribe(["plant/status"])
        arriving = late.messages()
        assert await anext(arriving) == Message("plant/status", b"online", retained=True)
        await arriving.aclose()


async def test_a_lost_broker_is_found_again_and_logged_once(
    broker: Broker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(reconnect, "SETTLED_AFTER_S", 0.0)
    up, again, lost = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(link: MqttLink) -> None:
        (again if up.is_set() else up).set()
        while True:
            await link.publish("plant/x", b"1")
            await asyncio.sleep(0.02)

    def on_state(connected: bool, why: str) -> None:
        if not connected:
            assert why
            lost.set()

    task = asyncio.create_task(keep_connected(broker.nats.url, "worker", work, on_state=on_state))
    await asyncio.wait_for(up.wait(), 5)
    await broker.kill()
    await asyncio.wait_for(lost.wait(), 15)
    await broker.start()
    await asyncio.wait_for(again.wait(), 15)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert [record.levelname for record in caplog.records if record.name == "link"] == [
        "WARNING",
        "INFO",
    ]
    assert "secret-word" not in caplog.text


async def test_no_broker_is_a_lost_link_that_names_it_without_the_password() -> None:
    port = free_port()
    with pytest.raises(LinkLost, match=rf"127\.0\.0\.1:{port}") as error:
        async with connected(f"mqtt://u:geheim@127.0.0.1:{port}", "x"):
            pytest.fail("connected to nothing")
    assert "geheim" not in str(error.value)


async def test_a_wrong_password_is_refused(broker: Broker) -> None:
    with pytest.raises(LinkLost):
        async with connected(broker.nats.url.replace("secret-word", "other"), "x"):
            pytest.fail("let in")


def cancel_when_called(monkeypatch: pytest.MonkeyPatch, answer: str, task: Callable[[], asyncio.Task[None]]) -> None:
    """Have a task be told to end in the same moment as the broker's answer comes."""
    take = getattr(aiomqtt.Client, answer)

    def take_and_cancel(self: aiomqtt.Client, *given: object) -> None:
        take(self, *given)
        task().cancel()

    monkeypatch.setattr(aiomqtt.Client, answer, take_and_cancel)


@pytest.mark.parametrize(
    ("answer", "ask"),
    [
        ("_on_publish", lambda link: link.publish("plant/x", b"1")),
        ("_on_subscribe", lambda link: link.subscribe(["plant/x"])),
        ("_on_unsubscribe", lambda link: link.settle()),
    ],
    ids=["publish", "subscribe", "settle"],
)
async def test_who_is_told_to_end_when_the_answer_comes_ends(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, answer: str, ask: Callable[[MqttLink], Coroutine[None, None, None]]
) -> None:
    cancel_when_called(monkeypatch, answer, lambda: task)
    async with connected(broker.nats.url, "worker") as link:
        task = asyncio.create_task(ask(link))
        await asyncio.wait([task], timeout=5)
        assert task.cancelled()


async def test_who_is_told_to_end_when_it_is_connected_ends(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect() -> None:
        async with connected(broker.nats.url, "worker"):
            pytest.fail("it goes on")

    cancel_when_called(monkeypatch, "_on_connect", lambda: task)
    task = asyncio.create_task(connect())
    await asyncio.wait([task], timeout=10)
    assert task.cancelled()


async def test_a_broker_that_does_not_answer_in_time_is_lost(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_link, "CONFIRM_TIMEOUT_S", 0.2)
    assert broker.child is not None
    async with connected(broker.nats.url, "worker") as link:
        broker.child.send_signal(signal.SIGSTOP)
        with pytest.raises(LinkLost, match=r"publish: no answer within 0\.2 s"):
            await link.publish("plant/x", b"1")
        broker.child.send_signal(signal.SIGCONT)


async def test_what_there_is_no_room_for_is_counted(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_link, "QUEUED", 5)
    async with connected(broker.nats.url, "reader") as reader, connected(broker.nats.url, "writer") as writer:
        await reader.subscribe(["plant/x"])
        for number in range(8):
            await writer.publish("plant/x", b"%d" % number)
        async with asyncio.timeout(10):
            while reader.dropped < 3:  # noqa: ASYNC110 - what another task counts
                await asyncio.sleep(0.01)
        arriving = reader.messages()
        assert [(await anext(arriving)).payload for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
        await arriving.aclose()
        assert reader.dropped == 3
