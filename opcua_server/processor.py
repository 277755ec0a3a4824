"""One client's secure channel and sessions: most requests are answered within the call that brings their bytes.

asyncua keeps a session with subscriptions alive beyond its connection, as OPC 10000-4 v1.05 §6.7 asks, for a client
that comes back; a controller that comes back with a new session must not wait for the old one's heartbeat to go stale,
so the loops of a session are free as soon as its connection is gone.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.internal_session import SessionState
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.ua_binary import struct_from_binary, uatcp_to_binary

from opcua_server.dispatch import MALFORMED_REQUEST, Dispatcher
from opcua_server.session import PlantSession
from opcua_server.status import status_code
from opcua_server.wire.framing import Framer
from opcua_server.wire.messages import fault
from opcua_server.wire.requests import request_header
from plant import quality

if TYPE_CHECKING:
    from opcua_server.server import PlantServer

log = logging.getLogger("server")

CONGESTED_BYTES = 4 << 20
"""Not read by a client: nothing more is published to it, and no request of it is served, until it has read."""
MOST_UNSENT_BYTES = 64 << 20
"""Not read by a client: it is disconnected."""
MOST_WORKING = 100
"""Calls of a connection that are being carried out."""
SMALLEST_BUFFER = 8192
"""Of a client, for a chunk (OPC 10000-6 v1.05 §7.1.2.3)."""
_U4 = struct.Struct("<I")
_SYMMETRIC = (ua.MessageType.SecureMessage, ua.MessageType.SecureClose)
_CREATE_SESSION = ua.ObjectIds.CreateSessionRequest_Encoding_DefaultBinary
_CLOSE_SESSION = ua.ObjectIds.CloseSessionRequest_Encoding_DefaultBinary


class PlantProcessor(UaProcessor):
    """One client's secure channel and session."""

    session: Any
    iserver: PlantServer

    def __init__(self, server: PlantServer, dispatcher: Dispatcher, transport: Any, limits: Any) -> None:
        super().__init__(server, transport, limits)
        self._has_greeted = False
        self._dispatcher = dispatcher
        self._framer = Framer(self._connection)
        self._working: set[asyncio.Task[None]] = set()
        self._sessions: dict[bytes, PlantSession] = {}

    def session_of(self, token: bytes) -> PlantSession | None:
        """Return the session of an AuthenticationToken, if it is one of this connection and not closed."""
        session = self._sessions.get(token)
        if session is not None and (session.connection not in (None, self) or session.state is SessionState.Closed):
            del self._sessions[token]
            return None
        return session

    def has_session(self) -> bool:
        """Tell whether a session is activated on this connection."""
        return any(
            session.connection is self and session.state is not SessionState.Closed
            for session in self._sessions.values()
        )

    def receive(self, frame: bytes) -> bool:
        """Answer a message at once; False when that takes more than this."""
        found = self._framer.unframe(frame)
        if found is None or not self._serve(found[0], frame, found[1]):
            return False
        self._framer.accept()
        return True

    async def process(self, header: Any, body: Any) -> bool:
        """Take a chunk; False when the connection is to be closed."""
        kind = header.MessageType
        if kind == ua.MessageType.Hello:
            hello = struct_from_binary(ua.Hello, body.copy())
            if self._has_greeted or min(hello.ReceiveBufferSize, hello.SendBufferSize) < SMALLEST_BUFFER:
                return self._refuse(ua.StatusCodes.BadConnectionRejected)
            self._has_greeted = True
        elif not self._has_greeted:
            return self._refuse(ua.StatusCodes.BadTcpMessageTypeInvalid)
        elif kind in _SYMMETRIC and (wrong := self._wrong_channel(header.ChannelId, body.copy(_U4.size))):
            return self._refuse(wrong)
        return bool(await super().process(header, body))  # type: ignore[no-untyped-call]

    async def process_message(self, seqhdr: Any, body: Any) -> Any:
        """Answer a message, by the library where it is one of its own services."""
        data = bytes(body)
        if self._serve(seqhdr.RequestId, data, 0):
            return True
        header = request_header(data, 0)
        self.session = self.session_of(header.token)
        refused = ua.StatusCodes.Good
        if self.session is None and header.type_number == _CLOSE_SESSION:
            refused = ua.StatusCodes.BadSessionIdInvalid
        elif header.type_number == _CREATE_SESSION and not await self.iserver.has_room():
            refused = ua.StatusCodes.BadTooManySessions
        if refused:
            self.send(fault(header.handle, refused), seqhdr.RequestId)
            return True
        return await super().process_message(seqhdr, body)  # type: ignore[no-untyped-call]

    async def _process_message(self, typeid: Any, requesthdr: Any, seqhdr: Any, body: Any) -> Any:
        try:
            result = await super()._process_message(typeid, requesthdr, seqhdr, body)  # type: ignore[no-untyped-call]
        except (ua.uaerrors.UaStatusCodeError, ServiceError):
            raise
        except MALFORMED_REQUEST as error:
            raise ua.uaerrors.BadDecodingError from error
        self._note_session()
        return result

    def _note_session(self) -> None:
        """Take note of a session that was begun, activated or closed here: what was refused changes nothing."""
        session = self.session
        if session is None:
            return
        if session.token not in self._sessions:
            open_ = [each for each in self._sessions.values() if each.state is not SessionState.Closed]
            self._sessions = {each.token: each for each in open_}
        if session.state is SessionState.Closed:
            self._sessions.pop(session.token, None)
            return
        self._sessions[session.token] = session
        if session.is_activated():
            session.connect(self)
            self._dispatcher.reassess(session)

    @property
    def security_mode(self) -> ua.MessageSecurityMode:
        """Of the secure channel."""
        return ua.MessageSecurityMode(self._connection.security_policy.Mode)

    @property
    def most_bytes(self) -> int:
        """Size of the largest response that the client takes on this connection."""
        return self._framer.most_bytes

    def send(self, body: bytes, request_id: int) -> None:
        """Send a response."""
        transport = self._transport
        if transport.is_closing():
            return
        transport.write(self._framer.frame(body, request_id))
        if transport.get_write_buffer_size() > MOST_UNSENT_BYTES:
            log.warning("%s does not read what it asks for and is disconnected", self.name)
            transport.abort()

    def is_congested(self) -> bool:
        """Tell whether the client does not read what it was sent."""
        return bool(self._transport.get_write_buffer_size() > CONGESTED_BYTES)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let a request be answered later.

        Raises:
            ua.uaerrors.BadTooManyOperations: when too many are being worked on.
        """
        if len(self._working) >= MOST_WORKING:
            work.close()
            raise ua.uaerrors.BadTooManyOperations
        task = asyncio.create_task(work, name="call")
        self._working.add(task)
        task.add_done_callback(self._worked)

    async def close(self) -> None:
        """Take note that the connection is gone: its sessions wait for their clients, but for those not activated."""
        for task in self._working:
            task.cancel()
        for session in self._sessions.values():
            if not session.is_activated() and session.connection in (None, self):
                await session.close_session(False)

    def disconnect(self) -> None:
        """Take note at once that nothing can be sent any longer."""
        for session in self._sessions.values():
            session.disconnect(self)

    async def _session_watchdog_loop(self) -> None:
        """Do nothing: each session watches its own time."""

    def _wrong_channel(self, channel: int, body: Any) -> int:
        """Return what is wrong with the ids of a message's chunk, Good when nothing is.

        asyncua takes TokenId 0 for one that is to come, and would change keys before it has checked the signature.
        """
        connection = self._connection
        if not connection.is_open() or channel != connection.security_token.ChannelId:
            return int(ua.StatusCodes.BadTcpSecureChannelUnknown)
        (token,) = _U4.unpack(body.read(_U4.size))
        known = (connection.security_token, connection.next_security_token, connection.prev_security_token)
        is_known = token and token in [each.TokenId for each in known]
        return quality.GOOD if is_known else int(ua.StatusCodes.BadSecureChannelTokenUnknown)

    def _refuse(self, code: int) -> bool:
        """Send an Error message; return False, for the connection is closed then."""
        log.warning("%s does not speak as it should and is disconnected", self.name)
        self._transport.write(error_message(code))
        return False

    def _worked(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a call failed", exc_info=task.exception())

    def _serve(self, request_id: int, body: bytes, at: int) -> bool:
        try:
            return self._dispatcher.serve(self, request_id, body, at)
        except MALFORMED_REQUEST:
            self.send(fault(0, ua.StatusCodes.BadDecodingError), request_id)
            return True


def error_message(code: int) -> bytes:
    """Return an Error message, after which the connection is closed."""
    kind: Any = ua.MessageType.Error
    return uatcp_to_binary(kind, ua.ErrorMessage(status_code(code)))
