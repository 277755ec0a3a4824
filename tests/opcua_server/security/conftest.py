"""One data directory for the servers of these tests, so that certificates and standard nodes are made once."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data directory of a server off loopback, and of its clients."""
    return tmp_path_factory.mktemp("people")
