"""Connections of the server: a loop is free as soon as the connection of the session that holds it is gone.

asyncua keeps a session with subscriptions alive beyond its connection, as OPC 10000-4 v1.05 §6.7 asks, for a client
that comes back; a controller that comes back with a new session must not wait for the old one's heartbeat to go stale.
"""

from __future__ import annotations

from asyncua import Server
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol

from opcua_server.session import PlantSession


class PlantProtocol(OPCUAProtocol):
    """One connection."""

    def connection_lost(self, ex: BaseException | None) -> None:
        """Free the session's loops; the rest is the library's."""
        session = self.processor.session if self.processor is not None else None
        if isinstance(session, PlantSession):
            session.disconnected()
        super().connection_lost(ex)


class PlantTransport(BinaryServer):
    """The listening socket."""

    def _make_protocol(self) -> OPCUAProtocol:
        return PlantProtocol(self.iserver, self._policies, self.clients, self.closing_tasks, self.limits)


class PlantOpcuaServer(Server):
    """asyncua's server with our connections."""

    async def start(self) -> None:
        """Open the port.

        Raises:
            OSError: when it cannot be opened.
        """
        await self._setup_server_nodes()
        await self.iserver.start()
        try:
            host, port = self.socket_address or ("127.0.0.1", 0)
            self.bserver = PlantTransport(self.iserver, host, port, self.limits)
            self.bserver.set_policies(self._policies)
            await self.bserver.start()
        except OSError:
            await self.iserver.stop()
            raise
