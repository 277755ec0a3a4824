"""A collector over a store in a temporary folder, and a server that sends and remembers what a test says."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from historian import missed
from historian.collector import Collector
from historian.epochs import EPOCH
from historian.listener import Listener
from historian.metrics import Metrics
from historian.store_thread import StoreThread
from plant import quality
from plant.clock import TICKS_PER_SECOND, ticks_from_text
from plant.sample import Sample
from runtime.errors import LinkLost
from runtime.health import Health
from runtime.opcua_link.nodes import OnMissing, require
from runtime.opcua_link.values import Notification, Reading, VariableInfo
from runtime.settings import HistorianSettings, NodeSettings
from timeseries.layout import LOG
from timeseries.reader import Reader
from timeseries.store import Store

T0 = ticks_from_text("2026-11-22T04:00:00Z")


class Server:
    """Stands where an OpcuaLink would: sends `live` when subscribed to, remembers `past`, dies where told."""

    def __init__(self, infos: Sequence[VariableInfo]) -> None:
        self.infos = list(infos)
        self.now = T0
        self.is_plant = True
        self.unqueued: set[str] = set()
        self.missing: set[str] = set()
        """Signals that it has no more."""
        self.live: list[Reading] = []
        self.past: list[Reading] = []
        self.epoch = self.measure(EPOCH, 0, 0)
        self.dies_at = ""
        """The signal whose history it does not live to answer."""
        self.refuses: dict[str, int] = {}
        """Signals whose history it does not tell, and what it answers."""
        self.lost = (-(2**62), 2**62)
        """From when to when it does not."""
        self.asked: dict[str, int] = {}
        """Since when each signal's history was asked for last."""
        self.reads: Counter[str] = Counter()
        """How often it was."""
        self.send: Callable[..., object] = lambda _: None

    def at(self, second: float) -> int:
        return T0 + round(second * TICKS_PER_SECOND)

    def measure(self, name: str, value: object, second: float, status: int = quality.GOOD) -> Reading:
        return Reading(name, value, status, self.at(second), self.at(second))  # type: ignore[arg-type]

    def jump(self, epoch: int, second: float) -> None:
        """Begin an epoch at a plant time."""
        self.epoch = self.measure(EPOCH, epoch, second)
        self.past.append(self.epoch)

    async def variables(self, on_missing: OnMissing = require) -> list[VariableInfo]:
        for name in self.missing:
            on_missing(name, f"{name}: BadNodeIdUnknown")
        return [info for info in self.infos if info.name not in self.missing]

    async def clock(self) -> int:
        return self.now

    async def read(self, names: Sequence[str]) -> list[Reading]:
        assert list(names) == [EPOCH]
        return [self.epoch]

    async def subscribe(self, names: Sequence[str], on_data: Callable[..., object], **options: object) -> int:
        self.send = on_data
        if self.live:
            await on_data(Notification.of(self.live, names))  # type: ignore[misc]
        return 1

    async def history_pages(
        self, names: Sequence[str], start: int, end: int, *, on_refusal: Callable[[str, int], None]
    ) -> AsyncIterator[Notification]:
        for name in names:
            if name == self.dies_at:
                raise LinkLost("the server went away")
            self.asked[name] = start
            self.reads[name] += 1
            if name in self.refuses and start < self.lost[1] and end > self.lost[0]:
                on_refusal(name, self.refuses[name])
                continue
            timed = [(each.source_time or each.server_time, each) for each in self.past if each.name == name]
            past = [each for time, each in sorted(timed, key=lambda pair: pair[0]) if start <= time < end]
            for first in range(0, len(past) + 1, 7):
                yield Notification.of(past[first : first + 7], names)


class Plant:
    """What a test of the collector has at hand."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "history"
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.health = Health("historian")
        self.health.wait_for("server")
        self.store = Store(self.path)
        self.thread = StoreThread(self.health)

    def collector(
        self, sampling_s: float = 0.0, nodes: Sequence[NodeSettings] = (), retention_days: float = 7.0
    ) -> Collector:
        settings = HistorianSettings(sampling_s=sampling_s, nodes=tuple(nodes), retention_days=retention_days)
        return Collector(self.store, self.thread, self.metrics, self.health, settings, Listener())

    @contextlib.asynccontextmanager
    async def collecting(
        self, server: Server, until: Callable[[], object], sampling_s: float = 0.0, collector: Collector | None = None
    ) -> AsyncIterator[None]:
        """Run a collector until something is so; a new one where none is said."""
        collector = collector or self.collector(sampling_s)
        task = asyncio.create_task(collector.run(server))  # type: ignore[arg-type]
        try:
            async with asyncio.timeout(10):
                while not until():
                    if task.done():
                        await task
                    await asyncio.sleep(0.001)
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def gaps(self) -> list[str]:
        """Signals of which samples may be missing."""
        with contextlib.closing(sqlite3.connect(self.path / LOG.file)) as connection:
            query = "SELECT name FROM gap JOIN signal ON signal.id = gap.signal"
            return [name for (name,) in connection.execute(query)]

    def put(self, *samples: Sample) -> None:
        self.store.append(self.store.columns(samples))

    def stored(self, name: str) -> list[object]:
        with contextlib.closing(Reader(self.path)) as reader:
            known = name in {info.name for info in reader.signals()}
            return [sample.value for sample in reader.raw(name, 0, 2**62)] if known else []

    def count(self, name: str, **labels: str) -> int:
        """A counter's value; of all labels when none is said."""
        return sum(
            int(sample.value)
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == f"cstr_samples_{name}_total" and (sample.labels == labels or not labels)
        )

    def close(self) -> None:
        self.thread.end()
        self.store.close()


@pytest.fixture
def server() -> Server:
    return Server([VariableInfo("R101.T", 11, "K", True), VariableInfo("R101.Ca", 11, "mol/L", True)])


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    monkeypatch.setattr(missed, "FIRST_VALUES_S", 0.05)
    plant = Plant(tmp_path)
    yield plant
    plant.close()
