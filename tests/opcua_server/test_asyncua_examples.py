"""asyncua's own example clients, unmodified, against the server.

Opt-in: CSTR_GATEWAY_ASYNCUA_EXAMPLES names the folder `examples` of asyncua's repository. They dial port 4840 of this
machine; what they look for in their own example server stands beside the plant here, to be read only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asyncua import Server, ua

from opcua_server import server as module
from runtime.ports import is_free

from .conftest import Serving

PORT = 4840
SETTINGS = {"server.port": PORT, "server.lockstep": False}
NAMESPACE = "http://examples.freeopcua.github.io"
CLOCK = "datachange_notification Node(NodeId(Identifier=2258"


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = os.environ.get("CSTR_GATEWAY_ASYNCUA_EXAMPLES")
    if folder is None:
        pytest.skip("asyncua's examples are not here: CSTR_GATEWAY_ASYNCUA_EXAMPLES names their folder")
    if not is_free(PORT):
        pytest.skip(f"port {PORT} is in use, and asyncua's examples dial no other")
    make_server = module.make_server

    async def with_example_nodes(*given: Any) -> tuple[Server, module.PlantServer]:
        server, internal = await make_server(*given)
        index = await server.register_namespace(NAMESPACE)
        for namespace in (2, index):  # some examples look the namespace up, others know that it is 2
            path = [ua.QualifiedName("MyObject", namespace), ua.QualifiedName("MyVariable", namespace)]
            example = await server.nodes.objects.add_object(ua.NodeId(f"Object{namespace}", index), path[0])
            await example.add_variable(ua.NodeId(f"Variable{namespace}", index), path[1], 6.7)
        return server, internal

    monkeypatch.setattr(module, "make_server", with_example_nodes)
    return Path(folder)


@contextlib.asynccontextmanager
async def running(example: Path, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an example; it is ended if it has not ended by itself."""
    pipe, both = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-u", str(example), cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=both
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def rest(process: asyncio.subprocess.Process) -> str:
    """Return what else it prints to its end, which comes soon."""
    printed, _ = await asyncio.wait_for(process.communicate(), 30)
    return printed.decode()


async def until(process: asyncio.subprocess.Process, *wanted: str) -> None:
    """Read until it has printed each of these, in their order."""
    assert process.stdout is not None
    printed = ""
    async with asyncio.timeout(30):
        for text in wanted:
            while text not in (line := (await process.stdout.readline()).decode()):
                assert line, printed
                printed += line


@pytest.mark.parametrize(
    ("example", "wanted"),
    [
        ("sync/client-minimal.py", ["myvar is:  ns=3;s=Variable2"]),
        ("client-subscription.py", ["NodeId(Identifier='Variable3'", CLOCK, CLOCK]),
    ],
)
async def test_an_example_that_reads_runs_to_its_end(
    serving: Serving, examples: Path, tmp_path: Path, example: str, wanted: list[str]
) -> None:
    async with serving(SETTINGS), running(examples / example, tmp_path) as process:
        await until(process, *wanted)
        printed = await rest(process)
    assert process.returncode == 0, printed


@pytest.mark.parametrize(
    ("example", "wanted", "refusal"),
    [
        ("client-minimal.py", "Value of MyVariable (ns=3;s=Variable3): 6.7", "BadNotWritable"),
        ("client-example.py", "myvar is: Node(NodeId(Identifier='Variable2'", "BadNoMatch"),
    ],
)
async def test_an_example_that_writes_or_calls_what_is_not_the_plants_is_told_so(
    serving: Serving, examples: Path, tmp_path: Path, example: str, wanted: str, refusal: str
) -> None:
    async with serving(SETTINGS), running(examples / example, tmp_path) as process:
        await until(process, wanted)
        printed = await rest(process)
    assert process.returncode == 1, printed
    assert refusal in printed.splitlines()[-1]


async def test_an_example_that_reconnects_finds_the_server_that_has_started_again(
    serving: Serving, examples: Path, tmp_path: Path
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with serving(SETTINGS):
            process = await stack.enter_async_context(running(examples / "client-reconnect.py", tmp_path))
            await until(process, "Connected", CLOCK, CLOCK)
        await until(process, "Reconnecting")
        async with serving(SETTINGS):
            await until(process, "Connected", CLOCK, CLOCK)
            process.send_signal(signal.SIGINT)
            printed = await rest(process)
    assert process.returncode == -signal.SIGINT, printed
