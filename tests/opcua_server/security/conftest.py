"""Clients that the server trusts, and what it writes into its audit trail."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.rotating_lines import AUDIT

from ..conformity.wire import ANYBODY, Application, Connection
from .applications import application, der, trust

Dial = Callable[..., Awaitable[Connection]]
Trail = Callable[..., list[dict[str, Any]]]


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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Data directory of a server in the test's own process."""
    return tmp_path / "data"


@pytest.fixture
def trail(folder: Path) -> Trail:
    """Return what is written in that server's trail, of some kind or all."""
    path = folder / AUDIT

    def lines(kind: str = "") -> list[dict[str, Any]]:
        found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [line for line in found if not kind or line["event"] == kind]

    return lines


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data directory of a server off loopback, and of its clients."""
    return tmp_path_factory.mktemp("people")
