"""node-opcua's client, which checks the server's certificate by a trust list of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from ..conftest import Serving
from .foreign_client import Program, expected, meet

SCRIPT = Path(__file__).with_name("node_opcua_client.js")


async def test_node_opcua(serving: Serving, component: Callable[[str], Path], tmp_path: Path) -> None:
    modules = {"NODE_PATH": str(component("node-opcua"))}
    program = Program(("node", str(SCRIPT)), modules, f"foreign-node-opcua@{socket.gethostname()}")
    seen = await meet(serving, program, tmp_path)
    assert seen == expected(told="The connection may have been rejected by server,")  # it keeps the code for itself
