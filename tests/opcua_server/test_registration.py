"""The server registers with discovery servers: node-opcua's, and an old one."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer

from runtime.pki.administration import find, trust
from runtime.pki.own import application_uri, own_identities
from runtime.pki.store import encoded
from runtime.pki.trust import REJECTED, TRUSTED
from runtime.ports import free_port

from .conftest import Serving
from .node import start

SCRIPT = Path(__file__).with_name("discovery_server.js")
PATIENCE_S = 60.0


async def until(found: Callable[[], Awaitable[Any]]) -> Any:
    """Wait until there is something."""
    async with asyncio.timeout(PATIENCE_S):
        while not (there := await found()):  # noqa: ASYNC110 - what another process does
            await asyncio.sleep(0.1)
    return there


async def found_at(url: str) -> dict[str, list[str]]:
    """Return the servers that a client finds there, each with where it is."""
    servers = await Client(url).connect_and_find_servers()
    return {each.ApplicationUri: each.DiscoveryUrls for each in servers}


@contextlib.asynccontextmanager
async def discovery_server(modules: Path, folder: Path) -> AsyncIterator[str]:
    port = free_port()
    own = own_identities(folder / "own", application="discovery")[0]
    certificate = folder / "discovery.pem"
    certificate.write_bytes(encoded(own.parsed, ".pem"))
    files = str(certificate), str(own.key)
    argv = (str(SCRIPT), str(port), str(folder / "pki"), *files, application_uri("discovery"))
    process = await start(folder, modules, *argv)
    assert process.stdout is not None
    printed = ""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while "READY" not in printed:
                line = await process.stdout.readline()
                assert line, printed
                printed += line.decode()
        yield f"opc.tcp://localhost:{port}"
    finally:
        process.kill()
        await process.communicate()


async def test_a_server_is_found_while_it_is_there_by_who_asks_a_discovery_server_it_trusts(
    serving: Serving, component: Callable[[str], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "server")
    data, folder = tmp_path / "data", tmp_path / "discovery"
    folder.mkdir()

    async def said(text: str) -> Any:
        return await until(lambda: asyncio.to_thread(lambda: text in caplog.text))

    async with discovery_server(component("node-opcua"), folder) as url:
        settings = {"server.discovery": [url], "server.hosts": ["localhost", "plant.example"]}
        async with serving(settings, data) as endpoint:
            await said(f"not registered with the discovery server {url}")
            assert "cstr-gateway certs trust" in caplog.text
            assert application_uri() not in await found_at(url)
            (stranger,) = (data / "pki" / REJECTED).iterdir()
            trust(data / "pki", find(data / "pki", ("rejected",), stranger.name))
            await said(f"{url}: connection lost")
            (refused,) = (folder / "pki" / "rejected").iterdir()
            refused.rename(folder / "pki" / "trusted" / "certs" / refused.name)
            await said(f"the discovery server {url} knows the server now")
            found = await until(lambda: _where(url))
            port = endpoint.rpartition(":")[2]
            assert found == [f"opc.tcp://localhost:{port}", f"opc.tcp://plant.example:{port}"]
        assert application_uri() not in await found_at(url)


async def _where(url: str) -> list[str] | None:
    return (await found_at(url)).get(application_uri())


async def test_a_discovery_server_of_before_1_03_is_told_by_the_service_it_has(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: Any) -> None:
        raise ua.uaerrors.BadServiceUnsupported

    monkeypatch.setattr(InternalServer, "register_server2", unsupported)
    pki = tmp_path / "pki"
    own = own_identities(pki, application="discovery")[0]
    (pki / TRUSTED[0]).mkdir(parents=True, exist_ok=True)
    shutil.copy(own.certificate, pki / TRUSTED[0] / "discovery.der")
    old = Server(user_manager=Anybody())
    await old.init()
    await old.set_application_uri(application_uri("discovery"))
    old.set_endpoint(f"opc.tcp://127.0.0.1:{free_port()}")
    old.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
    await old.load_certificate(own.certificate)
    await old.load_private_key(own.key)
    url = f"opc.tcp://127.0.0.1:{old.endpoint.port}"
    async with old, serving({"server.discovery": [url]}, tmp_path):
        assert await until(lambda: _where(url))


async def test_a_discovery_server_that_is_away_stops_nothing_and_is_asked_again(
    serving: Serving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"opc.tcp://127.0.0.1:{free_port()}"
    async with serving({"server.discovery": [url]}, tmp_path) as endpoint:
        await until(lambda: asyncio.to_thread(lambda: f"not registered with the discovery server {url}" in caplog.text))
        async with Client(endpoint) as client:
            assert await client.get_node("ns=2;s=R101.T").read_value() > 280.0
        await asyncio.sleep(2.5)
    assert caplog.text.count("not registered") == 1


class Anybody:
    """Lets everybody in."""

    def get_user(self, *_: Any, **__: Any) -> User:
        return User(role=UserRole.Admin)
