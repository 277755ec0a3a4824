"""Connecting to an OPC UA server: once for a command, for ever for a service."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.crypto.uacrypto import CertProperties

from runtime.errors import LinkLost
from runtime.opcua_link import filetime
from runtime.opcua_link.errors import link_errors
from runtime.opcua_link.link import OpcuaLink
from runtime.pki.chain import parse_chain
from runtime.pki.own import application_uri, own_identities
from runtime.pki.store import der, thumbprint
from runtime.pki.trust import WORTH_KEEPING, CertificateRefused, TrustList
from runtime.pki.validation import Use
from runtime.reconnect import OnState, keep, nobody_told
from runtime.running import secret
from runtime.settings import Settings

REQUEST_TIMEOUT_S = 10.0
SESSION_TIMEOUT_MS = 30_000
POLICY, MODE = SecurityPolicyBasic256Sha256, ua.MessageSecurityMode.SignAndEncrypt


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
async def connected(endpoint: str, application: str, login: Login | None = None) -> AsyncIterator[OpcuaLink]:
    """Connect, and disconnect at the end; without `OpcuaLink.run` nothing can be subscribed to.

    Raises:
        LinkLost: when the server cannot be reached, refuses the login, or is not trusted.
    """
    filetime.install()
    client = Client(endpoint, timeout=REQUEST_TIMEOUT_S)
    client.name = client.description = application
    client.application_uri = application_uri(application)
    client.session_timeout = SESSION_TIMEOUT_MS
    with link_errors(endpoint):
        if login is not None:
            await _secure(client, endpoint, application, login.pki)
            client.set_user(login.user)
            client.set_password(login.password)
        await client.connect()
    try:
        with link_errors(endpoint):
            link = await OpcuaLink.over(client)
        yield link
    finally:
        await _disconnect(client)


async def _secure(client: Client, endpoint: str, application: str, pki: Path) -> None:
    """Set up a channel to the server, whose certificate is checked before anything is sent to it."""
    own = (await asyncio.to_thread(own_identities, pki, (), application))[0]
    server = client.find_endpoint(await client.connect_and_get_server_endpoints(), MODE, POLICY.URI)
    certificates = bytes(server.ServerCertificate or b"")
    try:
        await asyncio.to_thread(
            TrustList(pki, Use.SERVER).check,
            certificates,
            host=urlsplit(endpoint).hostname,
            application_uri=server.Server.ApplicationUri,
        )
    except CertificateRefused as refused:
        raise LinkLost(f"OPC UA server {endpoint}: its certificate is refused: {_advised(refused, pki)}") from None
    await client.set_security(
        POLICY,
        own.certificate,
        own.key,
        server_certificate=CertProperties(der(parse_chain(certificates)[0]), "der"),
        mode=MODE,
        certificate_chain=[CertProperties(der(issuer), "der") for issuer in own.issuers],
    )


def _advised(refused: CertificateRefused, pki: Path) -> str:
    """Return why, and the command that helps where trust is all that is missing."""
    if refused.code not in WORTH_KEEPING or refused.certificate is None:
        return str(refused)
    return f"{refused}; trust it with `cstr-gateway certs trust {thumbprint(refused.certificate)} --data {pki.parent}`"


async def keep_connected(
    endpoint: str,
    application: str,
    work: Callable[[OpcuaLink], Awaitable[None]],
    *,
    login: Login | None = None,
    on_state: OnState = nobody_told,
) -> None:
    """Run `work(link)` over a session, made again whenever it is lost (`runtime.reconnect.keep`)."""

    async def watched(link: OpcuaLink) -> None:
        await _work(link, work)

    await keep(f"OPC UA server {endpoint}", lambda: connected(endpoint, application, login), watched, on_state)


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
    except (OSError, TimeoutError, ua.UaError):
        client.disconnect_socket()
