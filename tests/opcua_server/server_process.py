"""A server in a process of its own, in lockstep, that the tests of a file share."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from runtime.ports import free_port

STOCK = Path(__file__).parent / "conformity" / "stock_server.py"
START_S = 90.0


class ServerProcess:
    """One server; started again when a test has killed it."""

    def __init__(
        self,
        folder: Path,
        *,
        stock: bool = False,
        goes_on: bool = False,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self._folder, self._stock, self._goes_on, self._settings = folder, stock, goes_on, settings or {}
        self.health_port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._failed = 0
        self._endpoint = ""

    def endpoint(self, failed: int = 0) -> str:
        """Return the endpoint of a server that listens; a stock one is begun anew after each test that failed."""
        if self._stock and failed > self._failed:
            self.stop()
        self._failed = failed
        if not self.is_running:
            self._start()
        return self._endpoint

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        """Return all that servers of this folder have said."""
        return (self._folder / "log").read_text()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        if not self._goes_on:
            (self._folder / "server" / "checkpoint").unlink(missing_ok=True)
            shutil.rmtree(self._folder / "server" / "history", ignore_errors=True)
        port, self.health_port = free_port(), free_port()
        settings = {
            "PLANT__REACTORS": 2,
            "SERVER__LOCKSTEP": "true",
            "SERVER__PORT": port,
            "SERVER__HEALTH_PORT": self.health_port,
            **self._settings,
        }
        environment = {**os.environ, **{f"CSTR_GATEWAY__{key}": str(value) for key, value in settings.items()}}
        argv = [sys.executable, "-P"]
        argv += (
            [str(STOCK), str(port), str(self._folder)]
            if self._stock
            else ["-m", "opcua_server", "--data", str(self._folder)]
        )
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(argv, env=environment, stdout=log, stderr=log)
        self._endpoint = f"opc.tcp://127.0.0.1:{port}/cstr-gateway"
        deadline = time.monotonic() + START_S
        while not _listens(port):
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
