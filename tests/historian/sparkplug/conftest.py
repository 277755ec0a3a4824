"""A host application that knows Sparkplug B by its field numbers alone, and keeps what it is told."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from historian import pace
from historian.commands import Commander
from historian.sparkplug.session import SPARKPLUG, Sparkplug
from plant import quality
from plant.clock import unix_ns_from_ticks
from plant.sample import Sample
from runtime.settings import MqttSettings
from timeseries.outbox import PUBLISHER
from timeseries.reader import Reader
from timeseries.signals import SignalInfo

INFOS = [SignalInfo("R101.T", "K", 11), SignalInfo("R101.TIC101.SP", "K", 11), SignalInfo("Plant.State", "", 12)]

INT, LONG, FLOAT, DOUBLE, BOOL, STRING = 10, 11, 12, 13, 14, 15
"""Fields of a metric's value."""
SIGNED_32, SIGNED_64 = (1, 2, 3), (4,)
"""Data types."""


def fields(octets: bytes) -> Iterator[tuple[int, object]]:
    """Yield number and raw value of each field (Protocol Buffers' wire format)."""

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            octet = octets[at]
            at += 1
            value |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                return value

    at = 0
    while at < len(octets):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
        elif kind == 2:
            size = varint()
            at += size
            yield key >> 3, octets[at - size : at]
        else:
            size, code = {1: (8, "<d"), 5: (4, "<f")}[kind]
            at += size
            yield key >> 3, struct.unpack(code, octets[at - size : at])[0]


def properties(octets: bytes) -> dict[str, object]:
    keys = [value.decode() for number, value in fields(octets) if number == 1]  # type: ignore[attr-defined]
    values = []
    for number, each in fields(octets):
        if number == 2:
            of = dict(fields(each))  # type: ignore[arg-type]
            value = next(of[field] for field in range(3, 9) if field in of)
            values.append((of[1], value.decode() if isinstance(value, bytes) else value))
    assert len(keys) == len(values)
    return dict(zip(keys, values, strict=True))


def metric(octets: bytes, datatype: int | None = None) -> dict[str, object]:
    of = dict(fields(octets))
    datatype = of.get(4, datatype)  # type: ignore[assignment]
    value = next((of[field] for field in (INT, LONG, FLOAT, DOUBLE, BOOL, STRING) if field in of), None)
    if datatype in SIGNED_32 and value is not None and value >= 2**31:  # type: ignore[operator]
        value -= 2**32  # type: ignore[operator]
    if datatype in SIGNED_64 and value is not None and value >= 2**63:  # type: ignore[operator]
        value -= 2**64  # type: ignore[operator]
    if datatype == 11 and value is not None:
        value = bool(value)
    assert (value is None) == bool(of.get(7)), "null is said, and only of what has no value"
    return {
        "name": of[1].decode() if 1 in of else None,  # type: ignore[attr-defined]
        "alias": of.get(2),
        "timestamp": of.get(3),
        "datatype": of.get(4),
        "is_historical": bool(of.get(5)),
        "value": value.decode() if isinstance(value, bytes) else value,
        "properties": properties(of[9]) if 9 in of else {},  # type: ignore[arg-type]
    }


class Edge:
    """A historian's Sparkplug part over a store that a test fills."""

    def __init__(self, plant, bdseq: Path) -> None:
        self.plant, self.infos = plant, INFOS
        self.written: list[tuple[str, object]] = []
        plant.store.declare(INFOS)
        plant.store.outbox.begin((PUBLISHER, SPARKPLUG))
        self._bdseq = bdseq
        self.settings = MqttSettings()
        self.sparkplug = self.made()

    def made(self) -> Sparkplug:
        """What a start of the historian makes."""
        plant, commander = self.plant, Commander(lambda: self, self.plant.metrics, "main")  # type: ignore[arg-type,return-value]
        return Sparkplug(self.settings, plant.store, plant.thread, plant.path, self._bdseq, commander)

    async def write(self, values: Mapping[str, object]) -> dict[str, int]:
        """Stand where the OPC UA link would."""
        self.written += values.items()
        return dict.fromkeys(values, quality.GOOD)

    async def fill(self, *samples: Sample, historical: bool = False) -> None:
        """Store samples, as the collector would, and say so."""
        store = self.plant.store
        await self.plant.thread.do(lambda: store.append(store.columns(samples), historical=historical))
        await self.plant.thread.do(lambda: store.outbox.let_go(store.outbox.newest()))  # InfluxDB has them
        self.sparkplug.wake()

    def stored(self) -> set[tuple[str, int, object, bool]]:
        """All that is stored, as a host would have it."""
        found = set()
        with contextlib.closing(Reader(self.plant.path)) as reader:
            for info in reader.signals():
                name = info.name.replace(".", "/")
                for each in reader.raw(info.name, 0, 2**62):
                    good = quality.is_good(each.quality)
                    found.add((name, unix_ns_from_ticks(each.source_time) // 10**6, each.value, good))
        return found


class Host:
    """Checks the order of an edge node's messages, and rebuilds its samples."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        """Verbs with their devices."""
        self.seq: int | None = None
        self.bdseq: int | None = None
        self.deaths: list[int] = []
        """Of bdSeqs."""
        self.devices: dict[str, dict[int, dict[str, object]]] = {}
        """Those alive: metrics of their births, with the newest value."""
        self.samples: dict[tuple[str, int, object, bool], bool] = {}
        """Metric, time, value, whether Good -> whether it ever came as the present."""

    def take(self, topic: str, payload: bytes) -> None:
        _, group, verb, node, *device = topic.split("/")
        assert (group, node) == ("main", "cstr-gateway")
        self.heard.append("/".join([verb, *device]))
        of = dict(fields(payload))
        raw = [value for number, value in fields(payload) if number == 2]
        assert 1 in of
        if verb == "NDEATH":
            (bdseq,) = [metric(each) for each in raw]  # type: ignore[arg-type]
            assert 3 not in of
            self.deaths.append(bdseq["value"])  # type: ignore[arg-type]
            if bdseq["value"] == self.bdseq:
                self.bdseq, self.seq, self.devices = None, None, {}
            return
        if verb == "NBIRTH":
            metrics = {each["name"]: each for each in (metric(one) for one in raw)}  # type: ignore[arg-type]
            assert of[3] == 0
            assert metrics["Node Control/Rebirth"]["value"] is False
            assert metrics["Node Control/Rebirth"]["alias"] is None
            self.bdseq, self.seq, self.devices = metrics["bdSeq"]["value"], 0, {}  # type: ignore[assignment]
            return
        assert self.seq is not None, f"{verb} without NBIRTH"
        self.seq = (self.seq + 1) % 256
        assert of[3] == self.seq
        getattr(self, verb.lower())(device[0], raw)

    def dbirth(self, device: str, raw: list[bytes]) -> None:
        metrics = [metric(each) for each in raw]
        assert all(each["name"] and each["datatype"] and each["timestamp"] is not None for each in metrics)
        others = {alias for name, known in self.devices.items() if name != device for alias in known}
        aliases = {each["alias"] for each in metrics}
        assert len(aliases) == len(metrics)
        assert not aliases & others
        self.devices[device] = {each["alias"]: each for each in metrics}  # type: ignore[misc]
        for each in metrics:
            if each["properties"]["StatusCode"][1] != 0x80320000:  # type: ignore[index]
                self._keep(device, each, each, is_present=True)

    def ddata(self, device: str, raw: list[bytes]) -> None:
        for octets in raw:
            born = self.devices[device][dict(fields(octets))[2]]  # type: ignore[index]
            each = metric(octets, born["datatype"])  # type: ignore[arg-type]
            assert (each["name"], each["datatype"]) == (None, None)
            self._keep(device, born, each, is_present=not each["is_historical"])

    def ddeath(self, device: str, raw: list[bytes]) -> None:
        assert not raw
        del self.devices[device]

    def _keep(self, device: str, born: dict[str, object], each: dict[str, object], *, is_present: bool) -> None:
        good = each["properties"].get("Quality", (3, 192)) == (3, 192)  # type: ignore[attr-defined]
        key = (f"{device}/{born['name']}", each["timestamp"], each["value"], good)
        self.samples[key] = self.samples.get(key, False) or is_present  # type: ignore[index]
        if is_present:
            born["value"] = each["value"]

    async def until(self, what: Callable[[], object], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not what():  # noqa: ASYNC110
                await asyncio.sleep(0.002)


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def edge(plant, tmp_path, monkeypatch) -> Edge:
    monkeypatch.setattr(pace, "EVERY_S", 0.005)
    monkeypatch.setattr(pace, "IDLE_S", 0.05)
    return Edge(plant, tmp_path / "bdseq")


@pytest.fixture(scope="session")
def read_metric() -> Callable[..., dict[str, object]]:
    return metric


@pytest.fixture(scope="session")
def read_fields() -> Callable[[bytes], Iterator[tuple[int, object]]]:
    return fields
