"""gopcua's client, which takes any server's certificate."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from ..conftest import Serving
from .foreign_client import Program, expected, meet

SOURCE = Path(__file__).with_name("gopcua_client.go")


async def test_gopcua(serving: Serving, component: Callable[[str], Path], tmp_path: Path) -> None:
    program = tmp_path / "gopcua_client"
    subprocess.run(
        ["go", "build", "-o", program, SOURCE],
        cwd=component("gopcua"),
        env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
        check=True,
    )
    seen = await meet(serving, Program((str(program),), {}, "foreign-gopcua"), tmp_path)
    assert seen == expected(told="EOF")  # it drops the Error message
