"""A second opinion: node-opcua's client runs the behaviours of conformity/ against the server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.pki.own import own_identities
from runtime.ports import free_port

from .conftest import Serving
from .node import start

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


async def output(process: asyncio.subprocess.Process) -> str:
    """Return what it printed to its end, which comes now or soon."""
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), 120)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return printed.decode()


async def test_a_second_vendors_client_sees_the_same_behaviour(
    serving: Serving, component: Callable[[str], Path], data: Path, tmp_path: Path
) -> None:
    modules = component("node-opcua")
    trusted = own_identities(data / "pki", application="outside")[0]
    files = str(trusted.certificate), str(trusted.key)
    async with serving() as endpoint:
        printed = await output(await start(tmp_path, modules, str(SCRIPT), endpoint, str(free_port()), *files))
    lines = [line for line in printed.splitlines() if line.startswith("RESULT ")]
    assert lines, printed
    assert json.loads(lines[0].removeprefix("RESULT ")) == EXPECTED


@pytest.mark.parametrize("security", [(), ("-s", "SignAndEncrypt", "-P", "Basic256Sha256")])
async def test_its_own_sample_client_runs_unchanged(
    serving: Serving, tmp_path: Path, security: tuple[str, ...]
) -> None:
    """It browses, subscribes, breaks its own connection, comes back, and ends on SIGINT.

    Opt-in: CSTR_GATEWAY_NODE_OPCUA_SAMPLES names a node_modules with node-opcua, node-opcua-samples and theirs.
    """
    modules = os.environ.get("CSTR_GATEWAY_NODE_OPCUA_SAMPLES")
    if modules is None:
        pytest.skip(
            "node-opcua-samples is not here: npm install it, CSTR_GATEWAY_NODE_OPCUA_SAMPLES names node_modules"
        )
    sample = Path(modules) / "node-opcua-samples" / "bin" / "client_example.cjs"
    async with serving({"server.lockstep": False}) as endpoint:
        argv = (str(sample), "-e", endpoint, "-n", "ns=2;s=R101.T", "-t", "4", *security)
        process = await start(tmp_path, Path(modules), *argv)
        assert process.stdout is not None
        printed = ""
        async with asyncio.timeout(60):
            while "CONNECTION RE-ESTABLISHED" not in printed:
                line = await process.stdout.readline()
                assert line, printed
                printed += line.decode()
            while "value has changed" not in printed.partition("RE-ESTABLISHED")[2]:
                printed += (await process.stdout.readline()).decode()
        process.send_signal(signal.SIGINT)
        printed += await output(process)
    assert process.returncode == 0, printed
    assert "implement getMonitoredItems" not in printed
