"""One server for each file of tests, a process of its own, in whose log no exception may stand; clients it trusts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from ..conformity.wire import ANYBODY, Application, Connection
from ..server_process import ServerProcess
from .applications import application, der, trust

Dial = Callable[..., Awaitable[Connection]]


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("security")


@pytest.fixture(scope="session")
def known(server_folder: Path) -> Application:
    """A client application that the server trusts."""
    client = application(server_folder / "clients", "known")
    trust(server_folder / "pki", der(client))
    return client


@pytest.fixture(scope="session")
def other(server_folder: Path) -> Application:
    """Another one."""
    client = application(server_folder / "clients", "other")
    trust(server_folder / "pki", der(client))
    return client


@pytest.fixture(scope="module")
def server_process(server_folder: Path, known: Application, other: Application) -> Iterator[ServerProcess]:
    del known, other  # made before it starts
    (server_folder / "log").unlink(missing_ok=True)
    process = ServerProcess(server_folder)
    process.endpoint()
    yield process
    process.stop()
    assert "Traceback" not in process.log(), process.log()


@pytest.fixture
def said(server_process: ServerProcess) -> Callable[[], str]:
    """What the server has logged since the test began."""
    known = len(server_process.log())
    return lambda: server_process.log()[known:]


@pytest.fixture
def endpoint(server_process: ServerProcess, said: Callable[[], str]) -> Iterator[str]:
    """The server, which is still there when the test is over and has met nothing that nobody foresaw."""
    yield server_process.endpoint()
    assert server_process.is_running
    assert "Traceback" not in said(), said()


@pytest.fixture
async def dial(endpoint: str) -> AsyncIterator[Dial]:
    """`await dial(known)` is a connection with an open channel; all are dropped after the test."""
    opened: list[Connection] = []

    async def open_connection(client: Application = ANYBODY) -> Connection:
        opened.append(await Connection.open(endpoint, client))
        return opened[-1]

    yield open_connection
    for connection in opened:
        await connection.drop()


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data directory of a server off loopback, and of its clients."""
    return tmp_path_factory.mktemp("people")
