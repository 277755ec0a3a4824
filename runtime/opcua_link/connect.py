"""Connecting to an OPC UA server: once for a command, for ever for a service."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from asyncua import Client, ua

from runtime.opcua_link import decoding, filetime
from runtime.opcua_link.binary import Malformed
from runtime.opcua_link.errors import link_errors
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.nodes import FindNodes, plant_nodes
from runtime.opcua_link.secured import secure
from runtime.pki.own import application_uri, own_identities
from runtime.reconnect import OnState, keep, nobody_told
from runtime.running import secret
from runtime.settings import Settings

REQUEST_TIMEOUT_S = 10.0
SESSION_TIMEOUT_MS = 30_000


@dataclass(frozen=True, slots=True)
class Login:
    """A user, and the store of the client's own certificate and of those it trusts; signed and encrypted."""

    user: str
    password: str
    pki: Path

    def __repr__(self) -> str:
        return f"Login({self.user!r})"


def service_login(name: str, settings: Settings, data: Path) -> Login | None:
    """Return how a service logs in: as itself, or as Anonymous (None) while the server is on loopback only."""
    if settings.server.is_open:
        return None
    return Login(name, secret(data / "secrets" / name), data / "pki")


@contextlib.asynccontextmanager
async def connected(
    endpoint: str, application: str, login: Login | None = None, find: FindNodes = plant_nodes
) -> AsyncIterator[OpcuaLink]:
    """Connect, and disconnect at the end; without `OpcuaLink.run` nothing can be subscribed to.

    Raises:
        LinkLost: when the server cannot be reached, refuses the login, or is not trusted.
    """
    filetime.install()
    decoding.install()
    client = Client(endpoint, timeout=REQUEST_TIMEOUT_S)
    client.name = client.description = application
    client.application_uri = application_uri(application)
    client.session_timeout = SESSION_TIMEOUT_MS
    with link_errors(endpoint):
        if login is not None:
            own = await asyncio.to_thread(own_identities, login.pki, (), application)
            await secure(client, own[0], login.pki)
            client.set_user(login.user)
            client.set_password(login.password)
        await client.connect()
    try:
        with link_errors(endpoint):
            link = await OpcuaLink.over(client, find)
        yield link
    finally:
        await _disconnect(client)


async def keep_connected(
    endpoint: str,
    application: str,
    work: Callable[[OpcuaLink], Awaitable[None]],
    *,
    login: Login | None = None,
    find: FindNodes = plant_nodes,
    on_state: OnState = nobody_told,
) -> None:
    """Run `work(link)` over a session, made again whenever it is lost (`runtime.reconnect.keep`)."""

    async def watched(link: OpcuaLink) -> None:
        await _work(link, work)

    await keep(f"OPC UA server {endpoint}", lambda: connected(endpoint, application, login, find), watched, on_state)


async def _work(link: OpcuaLink, work: Callable[[OpcuaLink], Awaitable[None]]) -> None:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(link.run(), name="opcua link")
        await work(link)
        running.cancel()


async def _disconnect(client: Client) -> None:
    """Say goodbye, briefly: the server may be gone."""
    logging.getLogger("asyncua.client.client").setLevel(logging.CRITICAL)
    try:
        async with asyncio.timeout(2):
            await client.disconnect()
    except (OSError, TimeoutError, ua.UaError, Malformed):
        client.disconnect_socket()
