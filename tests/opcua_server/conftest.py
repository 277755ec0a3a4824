"""A server of two reactors in lockstep, in the test's own event loop, and clients to it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.server.address_space import AddressSpace

from opcua_server import standard_nodes
from opcua_server.__main__ import serve
from opcua_server.address_space import build
from opcua_server.nodes import NodeBuilder
from opcua_server.templates import MODEL, use_template
from runtime.health import Health
from runtime.ports import free_port
from runtime.service import Context
from runtime.settings_file import load_settings

from .server_process import ServerProcess

Serving = Callable[..., AbstractAsyncContextManager[str]]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data directory, so that certificates and standard nodes are made once."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def serving(data: Path) -> Serving:
    """`async with serving({"plant.reactors": 1}) as endpoint`: a server that is ready."""

    @contextlib.asynccontextmanager
    async def run(overrides: dict[str, object] | None = None, folder: Path = data) -> AsyncIterator[str]:
        if folder is data:
            (data / "server" / "checkpoint").unlink(missing_ok=True)
            shutil.rmtree(data / "server" / "history", ignore_errors=True)
        wanted = {"plant.reactors": 2, "server.lockstep": True, "server.port": free_port(), **(overrides or {})}
        settings = load_settings(None, wanted, env={})
        context = Context("server", settings, folder, Health("server"), logging.getLogger("test"))
        context.health.wait_for("start")
        task = asyncio.create_task(_serve(serve, context), name="server")
        try:
            async with asyncio.timeout(90):
                while not context.health.is_ready:
                    assert not task.done(), task.exception()
                    context.health.beat()
                    await asyncio.sleep(0.01)
            yield settings.server.local_endpoint
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            # A server keeps its nodes from the collector: one is enough in a process, but not in ours.
            gc.unfreeze()
            gc.collect()
            gc.freeze()

    return run


@pytest.fixture(scope="module")
def server_process(server_folder: Path) -> Iterator[ServerProcess]:
    """One server for each file of tests of a folder, a process of its own, in whose log no exception may stand."""
    (server_folder / "log").unlink(missing_ok=True)
    process = ServerProcess(server_folder)
    process.endpoint()
    yield process
    process.stop()
    assert "Traceback" not in process.log(), process.log()


@pytest.fixture
def said(server_process: ServerProcess) -> Callable[[], str]:
    """What the server has logged since the test began."""
    known = len(server_process.log())
    return lambda: server_process.log()[known:]


@pytest.fixture
def endpoint(server_process: ServerProcess, said: Callable[[], str]) -> Iterator[str]:
    """The server, which is still there when the test is over and has met nothing that nobody foresaw."""
    yield server_process.endpoint()
    assert server_process.is_running
    assert "Traceback" not in said(), said()


def templated_space(data: Path, reactors: Sequence[str]) -> AddressSpace:
    """Return the address space of these reactors, as the server makes it."""
    space = AddressSpace()
    standard_nodes.load(space, data)
    build(NodeBuilder(space, 100.0), [MODEL])
    use_template(space, reactors)
    return space


async def _serve(serve: Callable[[Context], Awaitable[None]], context: Context) -> None:
    await serve(context)


@pytest.fixture
async def client(serving: Serving) -> AsyncIterator[Client]:
    """A client of a fresh server."""
    async with serving() as endpoint, Client(endpoint) as connected:
        yield connected


async def write(client: Client, *values: tuple[str, Any, ua.VariantType]) -> list[str]:
    """Write in one call; return the names of the StatusCodes."""
    params = ua.WriteParameters()
    for name, value, vtype in values:
        data = ua.DataValue(ua.Variant(value, vtype))
        params.NodesToWrite.append(ua.WriteValue(ua.NodeId(name, 2), ua.AttributeIds.Value, None, data))
    return [result.name for result in await client.uaclient.write(params)]


async def value(client: Client, name: str) -> Any:
    """Read a value."""
    return await client.get_node(f"ns=2;s={name}").read_value()


async def step(client: Client, seconds: float) -> None:
    """Advance a lockstep plant."""
    await client.get_node("ns=2;s=Plant.Simulation").call_method("2:Step", ua.Variant(seconds, ua.VariantType.Double))
