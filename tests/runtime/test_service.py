"""The life of a service: exit codes, signals, health, seen from outside as processes and over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter

from runtime.errors import CouldNotRun
from runtime.health import Health, HealthServer
from runtime.ports import free_port, is_free, require_free
from runtime.rate import shown, total
from runtime.service import PARENT

SERVICE = """
import asyncio, sys
from runtime.service import main
from runtime.errors import LinkLost, CouldNotRun

async def serve(context):
    context.health.ready("start")
    if "{how}" == "known": raise CouldNotRun("database refuses; start it")
    if "{how}" in ("group", "bugs"):
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
    if "{how}" == "bug": raise ZeroDivisionError("a bug")
    print("up", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("cleaned up", flush=True)

async def fail():
    if "{how}" == "bugs": raise ZeroDivisionError("a bug")
    raise CouldNotRun("port 1 is in use")

sys.exit(main("controller", serve))
"""


def start(how: str, tmp_path: Path, port: int, *argv: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", SERVICE.replace("{how}", how), "--data", str(tmp_path), *argv],
        env={**os.environ, "CSTR_GATEWAY__CONTROLLER__HEALTH_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cleans_up_and_ends_with_0(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    child = start("run", tmp_path, port)
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    answer = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=3))
    assert answer["ready"] is True
    child.send_signal(number)
    out, err = child.communicate(timeout=10)
    assert child.returncode == 0, err
    assert out == "cleaned up\n"


def test_a_service_ends_when_its_parent_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PARENT, "1")
    out, err = start("run", tmp_path, free_port()).communicate(timeout=10)
    assert out == "up\ncleaned up\n", err
    monkeypatch.setenv(PARENT, str(os.getpid()))
    child = start("run", tmp_path, free_port())
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(4)
    child.terminate()
    child.communicate(timeout=10)


@pytest.mark.parametrize(
    ("how", "code", "text"),
    [
        ("known", 3, "ERROR database refuses; start it"),
        ("group", 3, "ERROR port 1 is in use"),
        ("bug", 3, "ERROR ended by ZeroDivisionError: a bug"),
        ("bugs", 3, "ERROR ended by ZeroDivisionError: a bug"),
    ],
)
def test_an_error_ends_with_its_code_and_text(tmp_path: Path, how: str, code: int, text: str) -> None:
    child = start(how, tmp_path, free_port())
    _, err = child.communicate(timeout=10)
    assert child.returncode == code
    assert err.splitlines()[-1].endswith(text)
    assert ("Traceback" in err) == how.startswith("bug")


def test_bad_settings_end_with_2_before_anything_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("plant: {reactors: -1}")
    port = free_port()
    child = start("run", tmp_path / "data", port, "--config", str(file))
    _, err = child.communicate(timeout=10)
    assert child.returncode == 2
    assert f"{file}: plant.reactors: -1" in err
    assert not (tmp_path / "data").exists()


def test_a_data_directory_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    child = start("run", tmp_path / "file", free_port())
    _, err = child.communicate(timeout=10)
    assert child.returncode == 2
    assert "file: is a file" in err
    assert "Traceback" not in err


def test_a_taken_health_port_is_named(tmp_path: Path) -> None:
    registry, health, port = CollectorRegistry(), Health("controller"), free_port()
    with HealthServer(health, registry, "127.0.0.1", port):
        child = start("run", tmp_path, port)
        _, err = child.communicate(timeout=10)
    assert child.returncode == 3
    assert f"health port {port}" in err
    assert "controller.health_port" in err


def get(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=3) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_health_says_what_is_waited_for_and_when_the_loop_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    registry, health, port = CollectorRegistry(), Health("historian"), free_port()
    Counter("cstr_things_total", "Things.", registry=registry).inc(3)
    health.wait_for("broker", "refused")
    with HealthServer(health, registry, "127.0.0.1", port):
        code, body = get(port, "/readyz")
        assert (code, json.loads(body)["waiting_for"]) == (503, {"broker": "refused"})
        assert get(port, "/healthz")[0] == 200
        health.ready("broker")
        assert get(port, "/readyz")[0] == 200
        assert b"cstr_things_total 3.0" in get(port, "/metrics")[1]
        assert get(port, "/other")[0] == 404
        late = time.monotonic() + 60
        monkeypatch.setattr(time, "monotonic", lambda: late)
        assert get(port, "/healthz")[0] == 503
        assert get(port, "/readyz")[0] == 503
    assert is_free(port)


def test_a_port_in_use_is_named_with_its_setting() -> None:
    registry, port = CollectorRegistry(), free_port()
    assert port < 32768
    with (
        HealthServer(Health("server"), registry, "127.0.0.1", port),
        pytest.raises(CouldNotRun, match=rf"HTTP API: port {port} on 127\.0\.0\.1 .*historian\.http_port"),
    ):
        require_free(port, "127.0.0.1", "HTTP API", "historian.http_port")


def test_the_rate_is_of_a_counter_summed_over_its_labels() -> None:
    registry = CollectorRegistry()
    assert total(registry, "cstr_values_produced_total") == 0.0
    produced = Counter("cstr_values_produced", "Changes.", ["signal"], registry=registry)
    produced.labels("R101.T").inc(3)
    produced.labels("R101.Ca").inc(4)
    Counter("cstr_scans", "Scans.", registry=registry).inc()
    assert total(registry, "cstr_values_produced_total") == 7.0
    assert (shown(0.53), shown(134.2)) == ("0.5/s", "134/s")
