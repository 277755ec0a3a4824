"""The whole plant as a Sparkplug host sees it: births, and deaths of what is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from historian.sparkplug.payload import Received, decode
from plant.names import split_signal
from runtime.mqtt_link import connected

from .conftest import Up

pytestmark = [pytest.mark.system]


class Heard:
    """What a host has heard."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, list[Received]]] = []

    def take(self, topic: str, payload: bytes) -> None:
        self.messages.append(("/".join(topic.split("/")[2:]), decode(payload)))

    def last(self, topic: str) -> list[Received] | None:
        return next((metrics for heard, metrics in reversed(self.messages) if heard == topic), None)

    def count(self, topic: str) -> int:
        return [heard for heard, _ in self.messages].count(topic)

    def bdseq(self, verb: str) -> object:
        (bdseq,) = [metric.raw for metric in self.last(f"{verb}/line-3") or [] if metric.name == "bdSeq"]
        return bdseq

    async def until(self, what: str, is_so: Callable[[], object], seconds: float = 60) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not is_so():  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"not within {seconds:g} s: {what}; heard {[topic for topic, _ in self.messages[-10:]]}")


async def watch(up: Up) -> None:
    heard = Heard()
    async with connected(up.running["mqtt"]["url"], "host") as link:
        await link.subscribe(["spBv1.0/main/#"])

        async def listen() -> None:
            async for message in link.messages():
                heard.take(message.topic, message.payload)

        listening = asyncio.create_task(listen())
        try:
            await heard.until("data of R102", lambda: heard.count("DDATA/line-3/R102") > 3)
            os.kill(up.pids()["historian"], signal.SIGKILL)
            await heard.until("the historian's death", lambda: heard.count("NDEATH/line-3"))
            number = heard.bdseq("NDEATH")
            await heard.until("its next births", lambda: heard.last("DBIRTH/line-3/R102"))
            assert heard.bdseq("NBIRTH") == int(str(number)) + 1
            births = {metric.name for metric in heard.last("DBIRTH/line-3/R102") or []}
            stored = [name for name in up.counter("historian", "cstr_samples_stored", "signal") if "R102." in name]
            assert births >= {split_signal(name)[1].replace(".", "/") for name in stored}
            assert {"T", "TIC102/SP", "TIC102/Mode"} <= births
            os.kill(up.pids()["server"], signal.SIGKILL)
            await heard.until("the devices' deaths", lambda: heard.count("DDEATH/line-3/R102"))
            assert heard.count("DDEATH/line-3/Plant") == 1
            before = heard.count("DBIRTH/line-3/R101")
            await heard.until("new births", lambda: heard.count("DBIRTH/line-3/R101") > before)
            assert heard.bdseq("NBIRTH") == int(str(number)) + 1
            up.process.send_signal(signal.SIGINT)
            await heard.until("the goodbye", lambda: heard.count("NDEATH/line-3") == 2)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


def test_a_host_sees_births_and_deaths_of_the_whole_plant(start_plant: Callable[..., Up], tmp_path: Path) -> None:
    settings = {"mqtt": {"formats": ["sparkplug"], "sparkplug_node": "line-3"}, "plant": {"reactors": 2}}
    (tmp_path / "plant.yaml").write_text(yaml.safe_dump(settings))
    up = start_plant(tmp_path / "data", "--config", str(tmp_path / "plant.yaml"))
    try:
        up.wait_ready()
        asyncio.run(watch(up))
    finally:
        assert up.end() == 0
