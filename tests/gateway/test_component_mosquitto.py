"""The compose stack's broker: the real mosquitto with our configuration."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import pytest

from gateway.components.component import ChildSpec, poll_ready
from runtime.ports import free_port

CONFIGURATION = Path(__file__).parents[2] / "config" / "mosquitto.conf"
PASSWORD = "from-the-secret"

pytestmark = pytest.mark.component


@dataclass(frozen=True, slots=True)
class Mosquitto:
    """The container's start, with its paths and its port moved to the test's."""

    binary: Path
    folder: Path
    port: int
    name: str = "mosquitto"

    async def prepare(self) -> None:
        await asyncio.to_thread(self._prepare)

    def _prepare(self) -> None:
        text = CONFIGURATION.read_text().replace("/mosquitto/data/", f"{self.folder}/")
        text = text.replace("listener 1883\n", f"listener {self.port} 127.0.0.1\n")
        # The container's user is set by compose; as root the broker would look for a user `mosquitto`.
        text += "user root\n" if os.geteuid() == 0 else ""
        (self.folder / "mosquitto.conf").write_text(text)
        passwords = self.folder / "passwords"
        passwords.touch(mode=0o600)
        passwords.write_text(f"gateway:{PASSWORD}\n")
        subprocess.run([passwd_of(self.binary), "-U", str(passwords)], check=True)

    def spec(self) -> ChildSpec:
        return ChildSpec(self.name, (str(self.binary), "-c", str(self.folder / "mosquitto.conf")), cwd=self.folder)

    async def wait_ready(self, timeout_s: float) -> None:
        await poll_ready("mosquitto", self._probe, timeout_s)

    async def _probe(self) -> str | None:
        try:
            async with self.client("ready"):
                return None
        except aiomqtt.MqttError as error:
            return str(error)

    def client(self, name: str, *, password: str | None = PASSWORD, clean: bool = True) -> aiomqtt.Client:
        return aiomqtt.Client(
            "127.0.0.1",
            self.port,
            identifier=name,
            username="gateway" if password else None,
            password=password,
            clean_session=clean,
            timeout=5,
        )


def passwd_of(binary: Path) -> str:
    """The password tool that came with the broker."""
    beside = binary.with_name("mosquitto_passwd")
    return str(beside) if beside.exists() else "mosquitto_passwd"


@pytest.fixture
def broker(component: Callable[[str], Path], tmp_path: Path) -> Mosquitto:
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    return Mosquitto(component("mosquitto"), folder, free_port())


@pytest.mark.parametrize("password", [None, "wrong"])
async def test_a_client_without_the_password_is_refused(broker, serving, password: str | None) -> None:
    async with serving(broker):
        with pytest.raises(aiomqtt.MqttError):
            async with broker.client("stranger", password=password):
                pass
    assert PASSWORD not in (broker.folder / "passwords").read_text()


async def test_more_than_the_default_queue_waits_for_telegraf_over_a_restart(broker, serving) -> None:
    sent = 2500
    async with serving(broker) as child:
        async with broker.client("telegraf", clean=False) as subscriber:
            await subscriber.subscribe("plant/+/+/+/lp", qos=1)
        async with broker.client("historian") as publisher:
            for n in range(sent):
                await publisher.publish("plant/main/Area1/R101/lp", f"{n}", qos=1)
        assert child.stop() == 0
        await child.start()
        received: list[int] = []
        async with broker.client("telegraf", clean=False) as subscriber, asyncio.timeout(20):
            async for message in subscriber.messages:
                received.append(int(message.payload))
                if len(received) == sent:
                    break
    assert received == list(range(sent))
