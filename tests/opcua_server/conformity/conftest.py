"""The server under test: our own, as a process of its own in lockstep, or with --stock the unmodified library's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from runtime.pki.own import application_uri, own_identities

from ..server_process import ServerProcess
from .wire import ANYBODY, Application, Connection, Session, connected

Dial = Callable[..., Awaitable[Connection]]


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
    return Application(application_uri("wire"), own_identities(server_folder / "pki", (), "wire")[0])


@pytest.fixture(scope="session")
def stranger(server_folder: Path) -> Application:
    """Another client application."""
    return Application(application_uri("stranger"), own_identities(server_folder / "pki", (), "stranger")[0])
