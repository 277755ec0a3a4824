"""gopcua's client, which takes any server's certificate."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import Serving
from .foreign_client import Program, expected, meet

SOURCE = Path(__file__).with_name("gopcua_client.go")


@pytest.fixture
def program(component: Callable[[str], Path], tmp_path: Path) -> Program:
    built = tmp_path / "gopcua_client"
    subprocess.run(
        ["go", "build", "-o", built, SOURCE],
        cwd=component("gopcua"),
        env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
        check=True,
    )
    return Program((str(built),), {}, "foreign-gopcua")


async def test_gopcua(serving: Serving, program: Program, tmp_path: Path) -> None:
    assert await meet(serving, program, tmp_path) == expected(told="EOF")  # it drops the Error message
