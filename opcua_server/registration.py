"""Registration with a discovery server (OPC 10000-4 v1.05 §5.5.5, §5.5.6): clients that ask there find the server."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from asyncua import Client, ua
from asyncua.client.ua_client import UaClient

from runtime.addresses import in_url, is_unspecified
from runtime.backoff import delays
from runtime.errors import LinkLost
from runtime.opcua_link.errors import link_errors
from runtime.opcua_link.secured import secure
from runtime.pki.identity import Identity
from runtime.settings import ServerSettings

log = logging.getLogger("server")

AGAIN_S = 300.0
"""A discovery server forgets who has been silent for ten minutes."""
FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 60.0
ANSWER_S = 10.0
GOODBYE_S = 1.0
CAPABILITIES = ("DA", "HD")
"""Of OPC 10000-12 v1.05 Annex D: live data and history."""


class Registration:
    """Keeps one discovery server informed that the server is there, and tells it when it ends."""

    def __init__(
        self, url: str, server: ua.RegisteredServer, identities: Callable[[], tuple[Identity, ...]], pki: Path
    ) -> None:
        self._url = url
        self._server = server
        self._identities = identities
        self._pki = pki

    async def keep(self) -> None:
        """Register, again and again, until cancelled."""
        what = f"discovery server {self._url}"
        waits = delays(FIRST_RETRY_S, LONGEST_RETRY_S)
        trouble: str | None = None
        """What kept it from being registered last; empty: nothing, None: it was not tried."""
        try:
            while True:
                try:
                    await self._register(is_online=True)
                except LinkLost as error:
                    if str(error) != trouble:
                        log.warning("not registered with the %s: %s; trying again%s", what, error, _advice(error))
                    trouble, wait_s = str(error), next(waits)
                else:
                    if trouble != "":
                        log.info("the %s knows the server now", what)
                    trouble, wait_s = "", AGAIN_S
                    waits = delays(FIRST_RETRY_S, LONGEST_RETRY_S)
                await asyncio.sleep(wait_s)
        finally:
            if trouble == "":
                await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        """Say that the server ends, briefly: the discovery server may be gone."""
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self._register(is_online=False)
        except (LinkLost, TimeoutError) as error:
            log.info("discovery server %s was not told of the end: %s", self._url, error)

    async def _register(self, *, is_online: bool) -> None:
        """Tell the discovery server whether the server is there.

        Raises:
            LinkLost: when it cannot be reached, is not trusted, or refuses.
        """
        server = replace(self._server, IsOnline=is_online)
        known_as = server.ServerNames[0].Text
        parameters = ua.RegisterServer2Parameters(server, [ua.MdnsDiscoveryConfiguration(known_as, list(CAPABILITIES))])
        with link_errors(self._url):
            async with self._channel() as channel:
                try:
                    for result in await channel.register_server2(parameters):
                        log.debug("discovery server %s: mDNS: %s", self._url, result.name)
                except ua.uaerrors.BadServiceUnsupported:  # of before 1.03
                    await channel.register_server(server)

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[UaClient]:
        client = Client(self._url, timeout=ANSWER_S)
        client.application_uri = self._server.ServerUri
        await secure(client, self._identities()[0], self._pki)
        await client.connect_sessionless()
        try:
            yield client.uaclient
        finally:
            await client.disconnect_sessionless()


def _advice(error: LinkLost) -> str:
    """Return what may help: of a refused channel the library tells only that the connection was lost."""
    lost = "connection lost" in str(error)
    return "; it may not trust the server's certificate, see `cstr-gateway certs export`" if lost else ""


def registered_server(settings: ServerSettings, description: ua.ApplicationDescription) -> ua.RegisteredServer:
    """Return what a discovery server is told: the endpoint by each name that clients elsewhere may know."""
    listen = socket.gethostname() if is_unspecified(settings.listen) else settings.listen
    path = description.DiscoveryUrls[0].rpartition("/")[2]
    return ua.RegisteredServer(
        ServerUri=description.ApplicationUri,
        ProductUri=description.ProductUri,
        ServerNames=[description.ApplicationName],
        ServerType=description.ApplicationType,
        DiscoveryUrls=[f"opc.tcp://{in_url(host)}:{settings.port}/{path}" for host in settings.hosts or (listen,)],
    )
