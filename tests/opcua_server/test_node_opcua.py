"""A second opinion: node-opcua's client runs the behaviours of conformity/ against the server."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime.ports import free_port

from .conftest import Serving

OVERFLOW = 0x480
SCRIPT = Path(__file__).with_name("node_opcua_client.js")
EXPECTED: dict[str, Any] = {
    "deadband": [[320, 321.5, 323], [300, 302.5]],
    "queue": [[[323, OVERFLOW], [324, 0], [325, 0]], [[321, 0], [322, 0], [325, OVERFLOW]]],
    "sampling": [[], [320, 321]],
    "modify": [2, [326], True],
    "triggering": [["Good"], [], [321, 322]],
    "getMonitoredItems": True,
    "browseNext": [3, True],
    "transferAndRepublish": ["Good", [320], [320], [320], "BadMessageNotAvailable"],
    "reconnect": [[320], [321, 322, 323, 324]],
}


async def test_a_second_vendors_client_sees_the_same_behaviour(
    serving: Serving, component: Callable[[str], Path], tmp_path: Path
) -> None:
    modules = component("node-opcua")
    environment = {**os.environ, "NODE_PATH": str(modules), "HOME": str(tmp_path)}
    async with serving() as endpoint:
        process = await asyncio.create_subprocess_exec(
            "node",
            str(SCRIPT),
            endpoint,
            str(free_port()),
            env=environment,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), 120)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    lines = [line for line in out.decode().splitlines() if line.startswith("RESULT ")]
    assert lines, out.decode() + err.decode()
    assert json.loads(lines[0].removeprefix("RESULT ")) == EXPECTED
