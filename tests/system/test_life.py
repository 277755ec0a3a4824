"""Starts, stops and kills of the whole plant: nothing left behind, nothing damaged, every refusal named."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from asyncua import Client

from plant.clock import ticks_from_text
from runtime.ports import free_port

from .conftest import COMMAND, ROOT, Up, wait_until

pytestmark = pytest.mark.system

Start = Callable[..., Up]


def refused(*words: str, code: int) -> str:
    done = subprocess.run([COMMAND, *words], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr


def wait_until_signals_are_taken(pid: int) -> None:
    """Return when the interpreter has started and our first lines have run."""
    status = Path(f"/proc/{pid}/status")

    def catches_sigterm() -> bool:
        caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)

    if status.exists():
        wait_until("a handler of SIGTERM", catches_sigterm)


def test_a_killed_run_leaves_nothing_and_the_next_goes_on(start_plant: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = start_plant(data)
    first.wait_ready()
    wait_until("history", lambda: len(first.query("raw", "R101.T")) > 50, 30)
    first.process.kill()
    first.process.wait()
    wait_until("no process of it", lambda: not first.processes(), 10)
    assert (data / "run.json").exists()
    stopped_at = ticks_from_text(first.last("R101.T")["source_time"])
    held_k = float(first.last("R101.T")["value"])

    second = start_plant(data)
    try:
        second.wait_ready()
        assert "of a run that was killed" in second.log.read_text()
        wait_until("new history", lambda: ticks_from_text(second.last("R101.T")["source_time"]) > stopped_at, 20)
        rows = second.query("raw", "R101.T", "--start", "-1h")
        bad = [row for row in rows if row["status"] != "Good"]
        assert [row["status"] for row in bad] == ["BadOutOfService"]
        later = [row for row in rows if ticks_from_text(row["source_time"]) > ticks_from_text(bad[0]["source_time"])]
        assert abs(float(later[0]["value"]) - held_k) < 3.0
    finally:
        assert second.end() == 0
    assert second.processes() == []


@pytest.mark.parametrize("after_s", [0.0, 0.2, 1.0, 1.8, 2.6, 3.5])
def test_ctrl_c_at_any_moment_of_the_start_leaves_nothing(start_plant: Start, tmp_path: Path, after_s: float) -> None:
    up = start_plant(tmp_path / "data")
    wait_until_signals_are_taken(up.process.pid)
    time.sleep(after_s)
    assert up.end() == 0, up.log.read_text()
    assert "Traceback" not in up.log.read_text()
    assert up.processes() == []
    assert not (tmp_path / "data" / "run.json").exists()
    again = start_plant(tmp_path / "data", "--for", "1s")
    assert again.process.wait(90) == 0, again.log.read_text()
    assert "Traceback" not in again.log.read_text()


@pytest.mark.parametrize("after_s", [0.0, 0.3, 0.7, 1.1])
def test_a_service_alone_ends_with_0_at_any_moment(tmp_path: Path, after_s: float) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(f"detector: {{health_port: {free_port()}}}\n")
    child = subprocess.Popen(
        [COMMAND, "detector", "--config", str(config), "--data", str(tmp_path / "data")],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until_signals_are_taken(child.pid)
    time.sleep(after_s)
    child.terminate()
    _, said = child.communicate(timeout=10)
    assert (child.returncode, "Traceback" in said) == (0, False), said


def test_a_second_signal_ends_what_does_not_end_by_itself(start_plant: Start, tmp_path: Path) -> None:
    up = start_plant(tmp_path / "data")
    up.wait_ready()
    psutil.Process(up.pids()["server"]).suspend()
    up.process.send_signal(signal.SIGINT)
    wait_until("its ending", lambda: "ending" in up.log.read_text())
    began = time.monotonic()
    assert up.end() == 0
    assert time.monotonic() - began < 5.0
    assert up.processes() == []
    assert not (tmp_path / "data" / "run.json").exists()


def test_a_second_run_on_the_same_data_is_refused(start_plant: Start, tmp_path: Path) -> None:
    up = start_plant(tmp_path / "data")
    try:
        up.wait_ready()
        text = refused("up", "--ports", "auto", "--data", str(tmp_path / "data"), code=3)
        assert "runs on" in text
        assert "--data" in text
        assert up.process.poll() is None
    finally:
        assert up.end() == 0


def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config.write_text(
            f"server: {{port: {free_port()}, health_port: {free_port()}}}\n"
            f"controller: {{health_port: {free_port()}}}\n"
            f"historian: {{http_port: {port}, health_port: {free_port()}}}\n"
            f"detector: {{health_port: {free_port()}}}\n"
            f"mqtt: {{port: {free_port()}}}\npostgres: {{port: {free_port()}}}\n"
        )
        text = refused("up", "--config", str(config), "--data", str(tmp_path / "data"), code=3)
    assert str(port) in text
    assert "historian.http_port" in text
    assert not (tmp_path / "data" / "postgres").exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("plant: {reactor: 3}", ("plant.reactor", "unknown key", "reactors, seed, speed")),
        ("plant: {reactors: three}", ("plant.reactors", "'three'", "integer")),
        ("plant: {reactors: 0}", ("plant.reactors", "0", "allowed is 1 or more")),
        ("plant: {speed: .nan}", ("plant.speed", "nan", "finite")),
        ("mqtt: {url: 'http://user:hidden@host'}", ("mqtt", "mqtt://")),
        ("controller: {loops: [R102]}", ("R102", "R101")),
        ("plant: [1, 2", ("not YAML",)),
    ],
)
def test_bad_settings_end_the_start_by_name(tmp_path: Path, text: str, named: tuple[str, ...]) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(text)
    said = refused("up", "--config", str(config), "--data", str(tmp_path / "data"), code=2)
    assert str(config) in said
    for word in named:
        assert word in said
    assert "hidden" not in said
    assert "Traceback" not in said
    assert not (tmp_path / "data").exists()


def test_services_wait_for_what_is_away(tmp_path: Path, trained: Path) -> None:
    """Controller, historian and detector first; then the server."""
    ports = {name: free_port() for name in ("server", "opcua", "controller", "historian", "http", "detector")}
    config = tmp_path / "gateway.yaml"
    config.write_text(
        f"server: {{port: {ports['opcua']}, health_port: {ports['server']}}}\n"
        f"controller: {{health_port: {ports['controller']}}}\n"
        f"historian: {{http_port: {ports['http']}, health_port: {ports['historian']}}}\n"
        f"detector: {{health_port: {ports['detector']}}}\n"
    )
    data = tmp_path / "data"
    (data / "detector").mkdir(parents=True)
    (data / "detector" / trained.name).write_bytes(trained.read_bytes())
    running: dict[str, subprocess.Popen[bytes]] = {}

    def start(name: str) -> None:
        with (tmp_path / f"{name}.log").open("wb") as log:
            running[name] = subprocess.Popen(
                [COMMAND, name, "--config", str(config), "--data", str(data)], cwd=ROOT, stdout=log, stderr=log
            )

    from gateway.up.parts import get

    try:
        for name in ("controller", "historian", "detector"):
            start(name)
        for name in running:
            wait_until(f"{name} answers", lambda name=name: get(ports[name], "/readyz")[0] == 503, 20)
            assert '"server"' in get(ports[name], "/readyz")[1]
        start("server")
        for name in running:
            wait_until(f"{name} is ready", lambda name=name: get(ports[name], "/readyz")[0] == 200, 20)
    finally:
        for process in running.values():
            process.terminate()
        codes = {name: process.wait(20) for name, process in running.items()}
    assert codes == dict.fromkeys(running, 0), {name: (tmp_path / f"{name}.log").read_text() for name in running}


def test_off_loopback_services_and_commands_log_in(start_plant: Start, tmp_path: Path) -> None:
    up = start_plant(tmp_path / "data", "--listen", "0.0.0.0", "--host", "plant.example")
    try:
        up.wait_ready()
        assert up.running["opcua"].startswith("opc.tcp://plant.example:")
        fault = up.command("inject", "R101", "bias", "signal=T", "size=10").strip()
        (active,) = up.query("last", "R101.Simulation.ActiveFaults", "--source", "opcua")
        assert f'"{fault}"' in active["value"]
        wait_until("the verdict", lambda: up.last("R101.Detector.Anomaly")["value"] == "True")
        up.command("clear", "R101", fault)
        assert up.last("R101.TIC101.Alive")["value"] == "True"
    finally:
        assert up.end() == 0


async def events_of(up: Up, reactor: str) -> list[bool]:
    """Return of each anomaly's event in the server's history whether it is a beginning."""
    async with Client(up.running["opcua"]) as client:
        kind = client.get_node("ns=2;s=AnomalyEventType")
        node = client.get_node(f"ns=2;s={reactor}")
        return [
            each.Active for each in await node.read_event_history(datetime(2000, 1, 1, tzinfo=UTC), None, 100, kind)
        ]


def test_an_anomaly_begins_once_whatever_is_killed_meanwhile(start_plant: Start, tmp_path: Path) -> None:
    up = start_plant(tmp_path / "data")
    try:
        up.wait_ready()
        up.command("inject", "R101", "bias", "signal=T", "size=10")
        wait_until("the verdict", lambda: up.last("R101.Detector.Anomaly")["value"] == "True")
        for parts in (("server",), ("server", "detector")):
            before = up.pids()
            for part in parts:
                os.kill(before[part], signal.SIGKILL)
            wait_until("other processes", lambda b=before, p=parts: all(up.pids()[each] != b[each] for each in p), 30)

            def is_judged() -> bool:
                (verdict,) = up.query("last", "R101.Detector.Anomaly", "--source", "opcua")
                return verdict["value"] == "True"

            wait_until(f"the verdict without {parts}", is_judged, 60)
        assert asyncio.run(events_of(up, "R101")) == [True]
    finally:
        assert up.end() == 0
