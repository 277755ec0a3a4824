"""Clients of a server that meets hostile ones."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from runtime.pki.own import application_uri, own_identities

from ..conformity.wire import Application, Session, connected


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


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
