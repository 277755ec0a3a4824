"""The whole plant as its users start it: `cstr-gateway up` in processes of its own."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = str(Path(sys.executable).parent / "cstr-gateway")
READY_WITHIN_S = 90.0
LOOK_EVERY_S = 0.05


def wait_until(what: str, is_so: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    """Return what `is_so` returns as soon as that is true."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = is_so()
        if found:
            return found
        time.sleep(LOOK_EVERY_S)
    pytest.fail(f"not within {timeout_s:g} s: {what}")


class Up:
    """One run of `cstr-gateway up` on a data directory."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        self.log = data / "up.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [COMMAND, "up", "--ports", "auto", "--data", str(data), *options],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    def wait_ready(self) -> None:
        """Return when this run's run.json stands there; a killed one's may at first."""

        def ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return (self.data / "run.json").exists() and self.running["pid"] == self.process.pid

        wait_until("run.json", ready, READY_WITHIN_S)

    @property
    def running(self) -> dict[str, Any]:
        """The content of run.json."""
        content: dict[str, Any] = json.loads((self.data / "run.json").read_text())
        return content

    def pids(self) -> dict[str, int]:
        """Every part's process."""
        running = self.running
        return {name: part["pid"] for group in ("services", "components") for name, part in running[group].items()}

    def get(self, service: str, path: str) -> tuple[int, str]:
        """GET from a service's health port: (status, body), 0 when nobody answers."""
        try:
            with urllib.request.urlopen(self.running["services"][service]["health"] + path, timeout=3) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def history_over_http(self, name: str, start: str) -> list[dict[str, Any]]:
        """Return a signal's samples from the HTTP API."""
        parameters = urllib.parse.urlencode({"signal": name, "start": start, "end": "now"})
        with urllib.request.urlopen(f"{self.running['http']}/api/v1/history/raw?{parameters}", timeout=10) as answer:
            samples: list[dict[str, Any]] = json.load(answer)["samples"]
            return samples

    def counter(self, service: str, name: str, label: str) -> dict[str, int]:
        """Return a counter by one of its labels."""
        pattern = re.compile(rf'^{name}_total\{{{label}="([^"]*)"\}} (\S+)$', re.MULTILINE)
        return {key: int(float(value)) for key, value in pattern.findall(self.get(service, "/metrics")[1])}

    def command(self, *words: str, code: int = 0) -> str:
        """Run a command on this plant; return what it prints."""
        done = subprocess.run(
            [COMMAND, *words, "--data", str(self.data)], cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def query(self, *words: str) -> list[dict[str, str]]:
        """Run a query; return its rows."""
        return list(csv.DictReader(io.StringIO(self.command("query", *words, "--format", "csv"))))

    def last(self, signal_name: str) -> dict[str, str]:
        """Return the newest sample of a signal."""
        return self.query("last", signal_name)[0]

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """End it; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def processes(self) -> list[str]:
        """Command lines of all processes that belong to this run."""
        found = []
        for process in psutil.process_iter(["cmdline", "cwd", "status"]):
            line = " ".join(process.info["cmdline"] or [])
            mine = str(self.data) in line or str(process.info["cwd"] or "").startswith(str(self.data))
            if mine and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(line)
        return found


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector's model, trained once for all system tests."""
    from detector.stream.cache import load_or_train

    path = tmp_path_factory.mktemp("model") / "baseline.joblib"
    load_or_train(path, lambda _: None)
    return path


@pytest.fixture(scope="session")
def start_plant(trained: Path) -> Callable[..., Up]:
    """`start_plant(data, *options)`: a run whose detector is trained already."""

    def start(data: Path, *options: str) -> Up:
        folder = data / "detector"
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / trained.name).exists():
            (folder / trained.name).write_bytes(trained.read_bytes())
        return Up(data, *options)

    return start


@pytest.fixture(scope="module")
def plant(
    start_plant: Callable[..., Up], component: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Up]:
    """Two reactors with the real Telegraf and InfluxDB; nothing of it is left at the end."""
    component("telegraf")
    component("influxd")
    up = start_plant(tmp_path_factory.mktemp("plant"), "--influxdb", "--reactors", "2")
    try:
        up.wait_ready()
        yield up
    finally:
        code = up.end()
        left = up.processes()
        for part in left:
            print("left behind:", part)
        print(up.log.read_text())
    assert code == 0
    assert not left
    assert not (up.data / "run.json").exists()
