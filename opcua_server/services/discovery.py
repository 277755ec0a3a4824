"""Discovery service set: FindServers and GetEndpoints (OPC 10000-4 v1.05 §5.5), the services that need no session."""

from __future__ import annotations

from asyncua import ua

from opcua_server.security.endpoints import TRANSPORT_PROFILE, Endpoints


class DiscoveryService:
    """Tells of the one server there is."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    def find_servers(self, params: ua.FindServersParameters) -> list[ua.ApplicationDescription]:
        """Return the server, if it is one of those asked for (§5.5.2)."""
        server = self._endpoints.application(params.EndpointUrl)
        wanted = params.ServerUris or [server.ApplicationUri]
        return [server] if server.ApplicationUri in wanted else []

    def get_endpoints(self, params: ua.GetEndpointsParameters) -> list[ua.EndpointDescription]:
        """Return the endpoints of the transports asked for (§5.5.4)."""
        wanted = params.ProfileUris or [TRANSPORT_PROFILE]
        return self._endpoints.describe(params.EndpointUrl) if TRANSPORT_PROFILE in wanted else []
