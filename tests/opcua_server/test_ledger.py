"""The ledger has every recorded value, in words that need nothing of the product to be read."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from opcua_server.ledger import Ledger
from opcua_server.tags import Tags
from plant import quality
from plant.clock import ticks_from_text

TIME = ticks_from_text("2026-11-22T04:00:00Z")


@pytest.fixture
def tags() -> Tags:
    return Tags(["R101"], CollectorRegistry())


def test_each_value_is_a_line_and_what_is_recorded_is_said(tags: Tags, tmp_path: Path) -> None:
    path = tmp_path / "proof" / "ledger.csv"
    ledger = Ledger(tags, path)
    tags["R101.T"].set(350.1, TIME, TIME)
    tags["R101.TIC101.Mode"].set(1, TIME + 1, TIME)
    ledger.recorded()
    ledger.recorded()
    tags["R101.T"].set(None, TIME + 2, TIME, quality.BAD_SENSOR_FAILURE)
    tags["R101.Detector.Cause"].set('T "high",\nvery', TIME, TIME)
    tags["R101.Alarms.T_H"].set(True, TIME, TIME)
    tags["R101.TIC101.Heartbeat"].set(7, TIME, TIME)
    Ledger(tags, path)
    assert path.read_text().splitlines() == [
        "signal,epoch,source_time,value,status",
        "# started",
        "R101.T,0,2026-11-22T04:00:00.0000000Z,350.1,0",
        "R101.TIC101.Mode,0,2026-11-22T04:00:00.0000001Z,1,0",
        "# recorded",
        "R101.T,0,2026-11-22T04:00:00.0000002Z,,2156658688",
        'R101.Detector.Cause,0,2026-11-22T04:00:00.0000000Z,"""T \\""high\\"",\\nvery""",0',
        "R101.Alarms.T_H,0,2026-11-22T04:00:00.0000000Z,1,0",
        "# started",
    ]


def test_what_the_disk_refuses_is_written_with_what_follows(
    tags: Tags, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    ledger = Ledger(tags, tmp_path / "ledger.csv")
    write = os.write

    def half(file: int, octets: bytes) -> int:
        if len(octets) < 10:
            raise OSError(28, "No space left on device")
        return write(file, octets[: len(octets) // 2])

    monkeypatch.setattr(os, "write", half)
    for number in range(3):
        tags["R101.T"].set(350.0 + number, TIME + number, TIME)
    ledger.recorded()
    monkeypatch.setattr(os, "write", write)
    tags["R101.T"].set(400.0, TIME + 3, TIME)
    lines = (tmp_path / "ledger.csv").read_text().splitlines()[2:]
    assert [line.split(",")[3] for line in lines if "recorded" not in line] == ["350.0", "351.0", "352.0", "400.0"]
    assert lines[3] == "# recorded"
    assert len([record for record in caplog.records if "No space" in record.message]) == 1
