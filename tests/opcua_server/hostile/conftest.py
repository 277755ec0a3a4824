"""One server for each file of tests, as a process of its own, in whose log no exception may stand; and its clients."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from runtime.pki.own import application_uri, own_identities

from ..conformity.wire import Application, Session, connected
from ..server_process import ServerProcess


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def server_process(server_folder: Path) -> Iterator[ServerProcess]:
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
async def bystander(endpoint: str) -> AsyncIterator[Session]:
    """A client who does nothing wrong."""
    async with connected(endpoint) as session:
        yield session


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """The log of a server in the test's own process, in which no exception may stand when the test is over."""
    caplog.set_level(logging.WARNING)
    yield caplog
    assert [record.getMessage() for record in caplog.get_records("call") if record.exc_info] == []


@pytest.fixture(scope="session")
def application(server_folder: Path) -> Application:
    """A client application with a certificate: its channels are signed and encrypted."""
    return Application(application_uri("wire"), own_identities(server_folder / "pki", (), "wire")[0])
