"""run.json and the lock: private, whole, and no reason for the plant to end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.up.parts import Plan
from gateway.up.runfile import RunFile, clear_leftovers, only_one
from gateway.up.supervisor import Supervisor
from runtime.errors import CouldNotRun
from runtime.running import LOCK_FILE, RUN_FILE, find_running
from runtime.settings import Settings


def test_a_damaged_run_json_is_said_and_removed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / RUN_FILE).write_text('{"services": 3}')
    clear_leftovers(tmp_path)
    assert "it is removed" in caplog.text
    assert not (tmp_path / RUN_FILE).exists()


def test_a_plant_that_starts_is_said_to_start(tmp_path: Path) -> None:
    with only_one(tmp_path):
        with pytest.raises(CouldNotRun, match=r"runs on .* already"), only_one(tmp_path):
            pass
        with pytest.raises(CouldNotRun, match="is starting"):
            find_running(tmp_path)
    (tmp_path / LOCK_FILE).write_text(f"{os.getpid()} 5.0\n")
    with pytest.raises(CouldNotRun, match="no plant runs"):
        find_running(tmp_path)


def test_a_full_disk_is_said_once_and_run_json_is_written_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings()
    run_file = RunFile(tmp_path, settings, Supervisor(Plan(settings, (), ()), tmp_path))

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full_disk)
        run_file.write()
        run_file.write()
    assert [record.message.count("No space left") for record in caplog.records] == [1]
    assert not (tmp_path / RUN_FILE).exists()
    run_file.write()
    assert find_running(tmp_path).pid == os.getpid()
