"""The server under test: our own, as a process of its own in lockstep, or with --stock the unmodified library's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from runtime.certificates import application_uri, own_identity
from runtime.ports import free_port

from .wire import ANYBODY, Application, Connection, Session, connected

Dial = Callable[..., Awaitable[Connection]]
STOCK = Path(__file__).with_name("stock_server.py")
START_S = 30.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stock", action="store_true", help="run against an unmodified asyncua server")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """With --stock, print the rows of the list in docs/asyncua.md; a test fails if one of its cases does."""
    if not config.getoption("--stock", default=False):
        return
    fails: dict[str, bool] = {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(outcome):
            if report.when == "call":
                name = report.nodeid.rpartition("/")[2].partition("[")[0]
                fails[name] = fails.get(name, False) or report.failed
    for name, failed in sorted(fails.items()):
        terminalreporter.write_line(f"| `{name}` | {'fails' if failed else 'passes'} |")
    count = sum(fails.values())
    terminalreporter.write_line(f"{count} of {len(fails)} tests fail on the unmodified library")


class ServerProcess:
    """One server; started again when a test has killed it."""

    def __init__(self, folder: Path, *, stock: bool) -> None:
        self._folder, self._stock = folder, stock
        self._process: subprocess.Popen[bytes] | None = None
        self._failed = 0
        self._endpoint = ""

    def endpoint(self, failed: int) -> str:
        """Return the endpoint of a server that listens; a stock one is begun anew after each test that failed."""
        if self._stock and failed > self._failed:
            self.stop()
        self._failed = failed
        if self._process is None or self._process.poll() is not None:
            self._start()
        return self._endpoint

    def _start(self) -> None:
        (self._folder / "server" / "checkpoint").unlink(missing_ok=True)
        port = free_port()
        settings = {
            "PLANT__REACTORS": 2,
            "SERVER__LOCKSTEP": "true",
            "SERVER__PORT": port,
            "SERVER__HEALTH_PORT": free_port(),
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
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conformity")


@pytest.fixture(scope="module")
def server_process(request: pytest.FixtureRequest, server_folder: Path) -> Iterator[ServerProcess]:
    """A fresh server for each file of tests."""
    process = ServerProcess(server_folder, stock=request.config.getoption("--stock", default=False))
    yield process
    process.stop()


@pytest.fixture
def endpoint(request: pytest.FixtureRequest, server_process: ServerProcess) -> str:
    return server_process.endpoint(request.session.testsfailed)


@pytest.fixture
async def dial(endpoint: str) -> AsyncIterator[Dial]:
    """`await dial()` is a connection, or with an application a secured one; all are dropped after the test."""
    opened: list[Connection] = []

    async def open_connection(application: Application = ANYBODY) -> Connection:
        opened.append(await Connection.open(endpoint, application))
        return opened[-1]

    yield open_connection
    for connection in opened:
        await connection.drop()


@pytest.fixture
async def session(endpoint: str) -> AsyncIterator[Session]:
    """An anonymous session without security."""
    async with connected(endpoint) as active:
        yield active


@pytest.fixture
async def other(endpoint: str) -> AsyncIterator[Session]:
    """Another one, on its own connection."""
    async with connected(endpoint) as active:
        yield active


@pytest.fixture(scope="session")
def application(server_folder: Path) -> Application:
    """A client application with a certificate: its channels are signed and encrypted."""
    return Application(application_uri("wire"), own_identity(server_folder / "client", (), "wire"))


@pytest.fixture(scope="session")
def stranger(server_folder: Path) -> Application:
    """Another client application."""
    return Application(application_uri("stranger"), own_identity(server_folder / "client", (), "stranger"))
