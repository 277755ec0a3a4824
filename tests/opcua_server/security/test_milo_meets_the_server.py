"""Eclipse Milo's client, the stack of Ignition, which checks the server's certificate by each check that it has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..conftest import Serving
from .foreign_client import Program, expected, meet

SOURCE = Path(__file__).with_name("milo_client.java")


async def test_milo(serving: Serving, component: Callable[[str], Path], tmp_path: Path) -> None:
    argv = ("java", "-cp", f"{component('milo')}/*", str(SOURCE))
    seen = await meet(serving, Program(argv, {}, "foreign-milo"), tmp_path)
    assert seen == expected(told="BadSecurityChecksFailed")
