"""run.json and secrets: found, private, and never mistaken for another process's."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import psutil
import pytest

from runtime.errors import BadInput, CouldNotRun
from runtime.running import find_running, is_alive, make_data_directory, read_run_file, secret
from runtime.whole_files import write_private


def content(pid: int, started: float) -> dict[str, Any]:
    return {
        "opcua": "opc.tcp://127.0.0.1:4840/cstr-gateway",
        "http": "http://127.0.0.1:8080",
        "mqtt": {"host": "127.0.0.1", "port": 1883},
        "postgres": "postgresql://cstr@127.0.0.1:5433/cstr",
        "influxdb": None,
        "services": {"server": {"pid": pid, "started": started, "health": "http://127.0.0.1:9101"}},
        "components": {},
        "pid": pid,
        "started": started,
        "data": "data",
    }


def test_a_running_plant_is_found(tmp_path: Path) -> None:
    me = psutil.Process()
    write_private(tmp_path / "run.json", json.dumps(content(me.pid, me.create_time())))
    assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == 0o600
    assert find_running(tmp_path).services["server"]["pid"] == me.pid


def test_a_reused_pid_is_not_the_plant(tmp_path: Path) -> None:
    me = psutil.Process()
    assert not is_alive(me.pid, me.create_time() - 100)
    write_private(tmp_path / "run.json", json.dumps(content(me.pid, me.create_time() - 100)))
    with pytest.raises(CouldNotRun, match="make run"):
        find_running(tmp_path)


def test_no_file_and_a_damaged_file(tmp_path: Path) -> None:
    assert read_run_file(tmp_path) is None
    (tmp_path / "run.json").write_text('{"opcua": 1')
    with pytest.raises(BadInput, match=r"run\.json: not a run\.json"):
        read_run_file(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("services", []),
        ("services", {"server": 1}),
        ("services", {"server": {"pid": "1", "started": 0}}),
        ("components", {"mqtt": {"pid": -1, "started": 0}}),
        ("started", "now"),
        ("pid", None),
    ],
)
def test_a_file_of_wrong_types_is_named(tmp_path: Path, key: str, value: object) -> None:
    write_private(tmp_path / "run.json", json.dumps({**content(1, 0.0), key: value}))
    with pytest.raises(BadInput, match=rf"run\.json: not a run\.json .*{key}"):
        read_run_file(tmp_path)


def test_a_data_directory_that_cannot_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_data_directory(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    for below in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(BadInput, match=r"--data .*is a file"):
            make_data_directory(below)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(CouldNotRun, match=r"--data .*cannot be written to"):
        make_data_directory(tmp_path)

    def read_only(*arguments: object, **options: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(CouldNotRun, match=r"--data .*Read-only file system"):
        make_data_directory(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    write_private(path, "old")

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_private(path, "new")
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["old"]


def test_a_secret_is_made_once_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    first = secret(folder / "controller")
    assert secret(folder / "controller") == first
    assert secret(folder / "historian") != first
    assert len(first) >= 32
    assert stat.S_IMODE((folder / "controller").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
