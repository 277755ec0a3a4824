"""Requests that need no active session: those that find the server, and those that begin and end a session."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from opcua_server.auditing.connections import ConnectionAudit
from opcua_server.diagnostics.counts import ServerCounts
from opcua_server.services.discovery import DiscoveryService
from opcua_server.services.session import SessionService
from opcua_server.session import Ending
from opcua_server.wire.messages import array, fault, response
from opcua_server.wire.requests import RequestHeader, decoded, request_header

if TYPE_CHECKING:
    from opcua_server.processor import PlantProcessor

log = logging.getLogger("server")


class SessionlessRequests:
    """The services, by the number of the request's encoding; one may take long, and what comes behind it waits."""

    def __init__(
        self, discovery: DiscoveryService, sessions: SessionService, audit: ConnectionAudit, counts: ServerCounts
    ) -> None:
        self._discovery = discovery
        self._sessions = sessions
        self._audit = audit
        self._counts = counts
        ids = ua.ObjectIds
        self._handlers: dict[int, Callable[[PlantProcessor, RequestHeader, bytes], bytes | Awaitable[bytes]]] = {
            ids.FindServersRequest_Encoding_DefaultBinary: self._find_servers,
            ids.GetEndpointsRequest_Encoding_DefaultBinary: self._get_endpoints,
            ids.CreateSessionRequest_Encoding_DefaultBinary: self._create_session,
            ids.ActivateSessionRequest_Encoding_DefaultBinary: self._activate_session,
            ids.CloseSessionRequest_Encoding_DefaultBinary: self._close_session,
        }

    def __contains__(self, type_number: object) -> bool:
        return type_number in self._handlers

    def serve(self, connection: PlantProcessor, request_id: int, body: bytes) -> Coroutine[Any, Any, None] | None:
        """Answer a request, or return what is to be done until it is answered."""
        header = request_header(body, 0)
        try:
            payload = self._handlers[header.type_number](connection, header, body)
        except Exception as error:  # noqa: BLE001 - told to the client or the log
            connection.send(self._fault_of(header, error), request_id)
            return None
        if not isinstance(payload, bytes):
            return self._answer_later(connection, request_id, header, payload)
        connection.send(response(header.type_number, header.handle) + payload, request_id)
        return None

    async def _answer_later(
        self, connection: PlantProcessor, request_id: int, header: RequestHeader, work: Awaitable[bytes]
    ) -> None:
        try:
            answer = response(header.type_number, header.handle) + await work
        except Exception as error:  # noqa: BLE001 - told to the client or the log
            answer = self._fault_of(header, error)
        connection.send(answer, request_id)

    def _find_servers(self, connection: PlantProcessor, header: RequestHeader, body: bytes) -> bytes:
        del connection
        found = self._discovery.find_servers(decoded(ua.FindServersParameters, body, header.end))
        return array([struct_to_binary(each) for each in found])

    def _get_endpoints(self, connection: PlantProcessor, header: RequestHeader, body: bytes) -> bytes:
        del connection
        found = self._discovery.get_endpoints(decoded(ua.GetEndpointsParameters, body, header.end))
        return array([struct_to_binary(each) for each in found])

    def _create_session(self, connection: PlantProcessor, header: RequestHeader, body: bytes) -> bytes:
        params = decoded(ua.CreateSessionParameters, body, header.end)
        try:
            result = self._sessions.create(connection, params)
        except ua.uaerrors.UaStatusCodeError as error:
            self._audit.created(connection, params, header.audit_entry_id, None, error.code)
            raise
        self._audit.created(connection, params, header.audit_entry_id, result)
        return struct_to_binary(result)

    async def _activate_session(self, connection: PlantProcessor, header: RequestHeader, body: bytes) -> bytes:
        params = decoded(ua.ActivateSessionParameters, body, header.end)
        session = self._sessions.find(header.token)
        try:
            result = await self._sessions.activate(connection, session, params)
        except ua.uaerrors.UaStatusCodeError as error:
            self._audit.activated(connection, session, params, header.audit_entry_id, error.code)
            raise
        self._audit.activated(connection, session, params, header.audit_entry_id)
        return struct_to_binary(result)

    def _close_session(self, connection: PlantProcessor, header: RequestHeader, body: bytes) -> bytes:
        if header.end >= len(body):
            raise ua.uaerrors.BadDecodingError
        session = connection.session_of(header.token)
        if session is None:
            raise ua.uaerrors.BadSessionIdInvalid
        ending = Ending("CloseSession", header.audit_entry_id)
        session.close(ending, delete_subscriptions=bool(body[header.end]))
        return b""

    def _fault_of(self, header: RequestHeader, error: Exception) -> bytes:
        """Return the ServiceFault of an error; one that is none of the client's is told to the log."""
        code = ua.StatusCodes.BadInternalError
        if isinstance(error, ua.uaerrors.UaStatusCodeError):
            code = error.code
        else:
            log.error("a request of type %d failed", header.type_number, exc_info=error)
        self._counts.reject(header.type_number, code)
        return fault(header.handle, code)
