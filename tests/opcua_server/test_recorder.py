"""What the bank held is in the store before it is published, and on a full disk it waits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sized
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from opcua_server import recorder as recording
from opcua_server.bank import as_bits
from opcua_server.recorder import Recorder
from opcua_server.tags import Tags
from plant import quality
from plant.sample import Scalar
from runtime.health import Health
from timeseries.reader import Reader
from timeseries.reading import History
from timeseries.store import Store

SCAN = 1_000_000


class Recorded:
    """Tags, their recorder, and what a reader finds."""

    def __init__(self, folder: Path) -> None:
        self.tags, self.registry, self.health = Tags(["R101"], CollectorRegistry()), CollectorRegistry(), Health("s")
        self.store = Store(folder)
        self.recorder = Recorder(self.tags, self.store, self.health, self.registry)
        self.reader = Reader(folder)

    def scan(self, number: int) -> None:
        rows = self.tags.rows(["R101.T", "R101.Ca"])
        bits = as_bits(np.array([300.0 + number, number / 7]))
        self.tags.bank.commit(rows, bits, np.zeros(2, np.uint32), number * SCAN, number * SCAN + 5)

    def found(self, name: str) -> list[tuple[int, Scalar | None, int, int]]:
        samples = self.reader.raw(name, 0, 2**62)
        return [(each.source_time, each.value, each.quality, each.epoch) for each in samples]

    def count(self, name: str) -> float | None:
        return self.registry.get_sample_value(name)


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    recorded = Recorded(tmp_path / "history")
    yield recorded
    recorded.reader.close()
    recorded.store.close()


def test_a_scan_is_one_block_of_what_changed(recorded: Recorded) -> None:
    for number in range(1, 4):
        recorded.scan(number)
        assert len(recorded.found("R101.T")) == number - 1
        recorded.recorder.flush()
    assert recorded.found("R101.T") == [(number * SCAN, 300.0 + number, 0, 0) for number in range(1, 4)]
    assert [len(columns) for columns in recorded.reader.history.logged()] == [2, 2, 2]
    recorded.recorder.flush()
    assert len(recorded.reader.history.logged()) == 3


def test_every_type_comes_back_as_it_was(recorded: Recorded) -> None:
    written: dict[str, Scalar] = {
        "R101.Detector.Cause": "T high",
        "R101.Detector.Anomaly": True,
        "R101.TIC101.Mode": 2,
        "R101.TIC101.SP": -0.0,
    }
    for name, value in written.items():
        recorded.tags[name].set(value, 7, 8)
    recorded.tags["R101.T"].set(None, 7, 8, quality.BAD_SENSOR_FAILURE)
    recorded.tags["Plant.Simulation.Time"].set(9, 7, 8)
    recorded.recorder.flush()
    for name, value in written.items():
        assert recorded.found(name) == [(7, value, 0, 0)]
        assert type(recorded.found(name)[0][1]) is type(value)
    assert recorded.found("R101.T") == [(7, None, quality.BAD_SENSOR_FAILURE, 0)]
    assert "Plant.Simulation.Time" not in {info.name for info in recorded.reader.signals()}


def test_samples_are_of_the_epoch_in_which_they_were_taken(recorded: Recorded) -> None:
    epoch = recorded.tags["Plant.Simulation.Epoch"]
    epoch.set(3, 1, 1)
    recorded.scan(5)
    epoch.set(4, 6 * SCAN, 1)
    recorded.scan(7)
    recorded.recorder.flush()
    assert [(time // SCAN, epoch) for time, _, _, epoch in recorded.found("R101.T")] == [(5, 3), (7, 4)]


def test_on_a_full_disk_samples_wait_and_the_oldest_are_given_up_and_counted(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    append = recorded.store.append

    def refuse(columns: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(recording, "MOST_WAITING", 10)
    monkeypatch.setattr(recording, "AGAIN_S", 0.0)
    monkeypatch.setattr(recorded.store, "append", refuse)
    for number in range(1, 9):
        recorded.scan(number)
        recorded.recorder.flush()
    assert "disk is full" in str(recorded.health.as_json()["last_error"])
    monkeypatch.setattr(recorded.store, "append", append)
    recorded.recorder.flush()
    assert [time // SCAN for time, *_ in recorded.found("R101.T")] == [4, 5, 6, 7, 8]
    assert recorded.count("cstr_history_lost_total") == 6
    assert str(recorded.health.as_json()["last_error"]) == ""
    told = [text for text in caplog.messages if "history" in text]
    assert [text.split("(")[0].strip() for text in told] == ["the history refuses", "the history works again"]


def test_what_waits_for_the_disk_is_read_with_the_rest(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(columns: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    recorded.scan(1)
    recorded.recorder.flush()
    monkeypatch.setattr(recording, "AGAIN_S", 0.0)
    with monkeypatch.context() as full:
        full.setattr(recorded.store, "append", refuse)
        recorded.scan(2)
        recorded.recorder.flush()
        recorded.scan(3)
        recorded.recorder.flush()
        number, info = recorded.recorder.signals[recorded.tags["R101.T"].row]
        history = History(tmp_path / "history", unwritten=recorded.recorder.unwritten)
        assert history.read(number, info, 0, 2**62).times.tolist() == [SCAN, 2 * SCAN, 3 * SCAN]
        assert len(recorded.found("R101.T")) == 1
    recorded.recorder.flush()
    assert history.read(number, info, 0, 2**62).times.tolist() == [SCAN, 2 * SCAN, 3 * SCAN]
    assert history.edges(number, info, 0, 2 * SCAN + 1) == (None, 3 * SCAN)
    history.close()


def test_a_full_disk_is_tried_once_a_second_with_little(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    append = recorded.store.append

    def refuse(columns: Sized) -> None:
        tried.append(len(columns))
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(recording, "AT_ONCE", 20)
    now = [0.0]
    monkeypatch.setattr(recording.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(recorded.store, "append", refuse)
    for number in range(1, 501):
        now[0] = number / 10
        recorded.scan(number)
        recorded.recorder.flush()
    assert 45 <= len(tried) <= 51
    assert max(tried) <= 20
    assert sum(map(len, recorded.recorder.unwritten())) == 1000
    monkeypatch.setattr(recorded.store, "append", append)
    now[0] += 1
    recorded.recorder.flush()
    assert recorded.recorder.is_behind
    assert len(recorded.found("R101.T")) == 30
    recorded.recorder.flush(wholly=True)
    assert not recorded.recorder.is_behind
    assert [time // SCAN for time, *_ in recorded.found("R101.T")] == list(range(1, 501))
    assert recorded.health.as_json()["last_error"] == ""


def test_time_that_repeats_is_said_and_counted(tmp_path: Path, recorded: Recorded) -> None:
    recorded.scan(1)
    recorded.recorder.flush()
    again = Recorded(tmp_path / "history")
    for number in (1, 2):
        again.scan(number)
        again.recorder.flush()
    assert [time for time, *_ in again.found("R101.T")] == [SCAN, 2 * SCAN]
    assert again.count("cstr_history_lost_total") == 2
    assert "repeated" in str(again.health.as_json()["last_error"])
    again.reader.close()
    again.store.close()
