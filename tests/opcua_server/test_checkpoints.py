"""A plant that was killed, or whose checkpoint is damaged, goes on where nothing is recorded yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from opcua_server.checkpoints import Checkpoints
from opcua_server.recorder import Recorder
from opcua_server.simulator import Simulator, timing_of
from opcua_server.tags import Tags
from plant.clock import TICKS_PER_SECOND, ticks_from_text
from plant.simulation import PlantConfig
from runtime.health import Health
from timeseries.store import Store

WALL = ticks_from_text("2026-11-22T04:00:00Z")
SCAN_S, SCAN = 0.1, TICKS_PER_SECOND // 10
LOST = "cstr_history_lost_total"


class Running:
    """A plant at ten times the wall clock's speed, and what it records."""

    def __init__(self, folder: Path, wall: int) -> None:
        self.registry = CollectorRegistry()
        self.store = Store(folder / "history")
        tags = Tags(("R101",), CollectorRegistry())
        self.recorder = Recorder(tags, self.store, Health("server"), self.registry)
        timing = timing_of(SCAN_S, 1.0, lockstep=False, speed=10.0)
        self.simulator = Simulator(("R101",), PlantConfig(1), timing, tags, wall, lambda: wall)
        Checkpoints(folder).restore(self.simulator, wall, self.store.newest_place())
        self.simulator.show()

    def scan(self, count: int) -> None:
        for _ in range(count):
            self.simulator.scan(SCAN)
        self.recorder.flush()

    @property
    def lost(self) -> float | None:
        return self.registry.get_sample_value(LOST)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[float], Running]]:
    """Start after so many seconds; what ran before was killed."""
    before: list[Running] = []

    def begin(second: float) -> Running:
        if before:
            before.pop().store.close()
        before.append(Running(tmp_path, WALL + round(second * TICKS_PER_SECOND)))
        return before[-1]

    yield begin
    with closing(before.pop().store):
        pass


def test_a_kill_after_a_reset_goes_on_behind_what_was_recorded(
    start: Callable[[float], Running], tmp_path: Path
) -> None:
    plant = start(0)
    plant.scan(6000)
    (tmp_path / "checkpoint").write_bytes(plant.simulator.checkpoint())
    plant.simulator.reset()
    plant.scan(90)
    recorded = plant.store.newest_place()
    plant = start(70)
    assert recorded[0] == plant.simulator.epoch == 1
    assert plant.simulator.now == recorded[1] + SCAN
    plant.scan(90)
    assert plant.lost == 0


def test_scans_are_at_times_that_every_client_can_name(start: Callable[[float], Running], tmp_path: Path) -> None:
    for second in (1.2345678, 3.4567891, 2.2222222):
        plant = start(second)
        plant.scan(1000)
        assert plant.simulator.now % (TICKS_PER_SECOND // 1000) == 0
        tag = plant.simulator.tags["R101.TIC101.SP"]
        plant.simulator.write(tag, 330.0 + second, None)  # between two scans, at a time of its own
        plant.recorder.flush()
        (tmp_path / "checkpoint").write_bytes(plant.simulator.checkpoint())
    assert plant.lost == 0


@pytest.mark.parametrize("content", [None, b"", b'{"time": 1', b'{"a": 1}\n', b"[]\n"])
def test_without_a_checkpoint_time_that_was_recorded_is_of_an_epoch_that_is_over(
    start: Callable[[float], Running], tmp_path: Path, content: bytes | None
) -> None:
    plant = start(0)
    plant.scan(600)
    if content is not None:
        (tmp_path / "checkpoint").write_bytes(content)
    (tmp_path / ".checkpoint.4711.tmp").touch()
    plant = start(10)
    assert list(tmp_path.glob(".*.tmp")) == []
    assert plant.simulator.epoch == 1
    assert plant.simulator.now == WALL + 10 * TICKS_PER_SECOND
    plant.scan(90)
    assert plant.lost == 0
