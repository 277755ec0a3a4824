"""The process may open a file for each connection that the settings allow."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from opcua_server.open_files import OTHERS, allow
from runtime.errors import CouldNotRun

SOFT, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, HARD))


def test_as_many_files_as_connections_and_some_more() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, HARD))
    allow(500)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (500 + OTHERS, HARD)
    allow(10)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (500 + OTHERS, HARD)


def test_more_than_the_system_allows_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    with pytest.raises(CouldNotRun, match=r"server.limits.connections: 5000 .* allowed is 3996 at most"):
        allow(5000)
