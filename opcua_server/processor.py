"""One client's connection: its secure channel, and its requests, most answered within the call that brings them.

A session outlives its connection (OPC 10000-4 v1.05 §6.7), for a client that comes back; a controller that comes back
with a new session must not wait for the old one's heartbeat to go stale, so the loops of a session are free as soon as
its connection is gone.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Coroutine
from typing import Any

from asyncua import ua
from asyncua.ua.ua_binary import struct_from_binary, uatcp_to_binary

from opcua_server.auditing.connections import ConnectionAudit
from opcua_server.dispatch import MALFORMED_REQUEST, Dispatcher
from opcua_server.limits import ServerLimits
from opcua_server.log_rate import LogRate
from opcua_server.security.secure_channel import ChannelRefused, SecureChannel
from opcua_server.session import PlantSession
from opcua_server.sessionless import SessionlessRequests
from opcua_server.sessions import Sessions
from opcua_server.status import status_code
from opcua_server.wire.framing import Framer
from opcua_server.wire.messages import fault
from plant import quality

log = logging.getLogger("server")
_lines = LogRate(log, time.monotonic)
"""What strangers can cause."""

CONGESTED_BYTES = 4 << 20
"""Not read by a client: nothing more is published to it, and no request of it is served, until it has read."""
MOST_WORKING = 100
"""Calls of a connection that are being carried out."""
SMALLEST_BUFFER = 8192
"""Of a client, for a chunk (OPC 10000-6 v1.05 §7.1.2.3)."""
LONGEST_URL = 4096
"""Of a Hello's endpoint, bytes (OPC 10000-6 v1.05 §7.1.2.3)."""
_U4 = struct.Struct("<I")
_SYMMETRIC = (ua.MessageType.SecureMessage, ua.MessageType.SecureClose)


class PlantProcessor:
    """One client's secure channel and sessions."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        sessionless: SessionlessRequests,
        sessions: Sessions,
        audit: ConnectionAudit,
        channel: SecureChannel,
        transport: asyncio.Transport,
        limits: ServerLimits,
    ) -> None:
        self.name = transport.get_extra_info("peername")
        self._dispatcher = dispatcher
        self._sessionless = sessionless
        self._sessions = sessions
        self._audit = audit
        self._transport = transport
        self._limits = limits
        self.channel = channel
        self._framer = Framer(self.channel)
        self.sessions: set[PlantSession] = set()
        """Those that have not ended."""
        self._has_greeted = False
        self._has_ended = False
        self._working: set[asyncio.Task[None]] = set()
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def peer(self) -> str:
        """Address of the client."""
        return str(self.name[0]) if self.name else ""

    def session_of(self, token: bytes) -> PlantSession | None:
        """Return the session of an AuthenticationToken, if it is one of this connection and not closed."""
        session = self._sessions.find(token)
        return session if session is not None and session.connection is self else None

    def has_session(self) -> bool:
        """Tell whether a session is activated on this connection."""
        return any(session.is_activated() for session in self.sessions)

    def receive(self, frame: bytes) -> bool:
        """Answer a message at once; False when that takes more than this."""
        found = self._framer.unframe(frame)
        if found is None or not self._serve(found[0], frame, found[1]):
            return False
        self._framer.accept()
        return True

    def process(self, header: Any, body: Any) -> bool | Coroutine[Any, Any, None]:
        """Take a chunk; False when the connection is to be closed, and what is to be done where that takes long."""
        kind = header.MessageType
        if kind == ua.MessageType.Hello:
            return self._greet(struct_from_binary(ua.Hello, body))
        if not self._has_greeted:
            return self._refuse(ua.StatusCodes.BadTcpMessageTypeInvalid, "it says no hello")
        if kind == ua.MessageType.SecureOpen:
            return self._open(header, body)
        if kind not in _SYMMETRIC:
            return self._refuse(ua.StatusCodes.BadTcpMessageTypeInvalid, "it sends what only servers send")
        wrong = self._wrong_channel(header.ChannelId, body.copy(_U4.size))
        if wrong:
            return self._refuse(wrong, "it names a channel or token that is not its own")
        try:
            message = self.channel.receive_from_header_and_body(header, body)
        except ua.uaerrors.BadRequestTooLarge as error:
            return self._refuse(error.code, "its message is too large")
        if kind == ua.MessageType.SecureClose:
            self._end_channel("")
            return False
        return True if message is None else self._process_message(message)

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
        if transport.get_write_buffer_size() > self._limits.settings.unsent_bytes:
            self._limits.reached.note("unsent_bytes")
            log.warning("%s does not read what it asks for and is disconnected", self.name)
            transport.abort()

    def is_congested(self) -> bool:
        """Tell whether the client does not read what it was sent."""
        return self._transport.get_write_buffer_size() > CONGESTED_BYTES

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

    def check_trust(self) -> None:
        """Close the connection if the client's application is trusted no more."""
        try:
            self.channel.check_trust()
        except ChannelRefused as refused:
            self._audit.distrusted(refused, self.peer)
            self._end_channel(str(refused))
            self._refuse(refused.code, str(refused))
            self._transport.close()

    def disconnect(self) -> None:
        """Take note that the connection is gone: its sessions wait for their clients, but for those not activated."""
        if self._expiry is not None:
            self._expiry.cancel()
        self._end_channel("its connection is gone")
        for session in list(self.sessions):
            session.disconnect()
        for task in self._working:
            task.cancel()

    def _greet(self, hello: ua.Hello) -> bool:
        """Agree on sizes (OPC 10000-6 v1.05 §7.1.2.3)."""
        if self._has_greeted or min(hello.ReceiveBufferSize, hello.SendBufferSize) < SMALLEST_BUFFER:
            return self._refuse(
                ua.StatusCodes.BadConnectionRejected, "it says hello twice, or takes chunks that are too small"
            )
        if len(hello.EndpointUrl or "") > LONGEST_URL:
            return self._refuse(ua.StatusCodes.BadTcpEndpointUrlInvalid, "its endpoint is too long")
        self._has_greeted = True
        acknowledge = self.channel.sizes.create_acknowledge_and_set_limits(hello)
        self._transport.write(uatcp_to_binary(ua.MessageType.Acknowledge, acknowledge))  # type: ignore[arg-type]
        return True

    def _open(self, header: Any, body: Any) -> bool:
        """Open the secure channel, or renew its token; it is closed when it is not renewed in time."""
        try:
            opened = self.channel.open_by(header, body)
        except ChannelRefused as refused:
            self._audit.not_opened(self.channel, refused, self.peer)
            return self._refuse(refused.code, str(refused))
        self._transport.write(opened.response)
        self._audit.opened(self.channel, opened, self.peer)
        self._watch_expiry()
        return True

    def _end_channel(self, reason: str) -> None:
        """Tell once of the end of a channel that was opened."""
        if self.channel.is_open() and not self._has_ended:
            self._has_ended = True
            self._audit.closed(self.channel, reason, self.peer)

    def _watch_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        loop = asyncio.get_running_loop()
        self._expiry = loop.call_later(self.channel.seconds_left, self._expire)

    def _expire(self) -> None:
        self._limits.reached.note("token_lifetime_max_s")
        self._refuse(ua.StatusCodes.BadSecureChannelTokenUnknown, "it has not renewed its channel")
        self._transport.close()

    def _process_message(self, message: Any) -> bool | Coroutine[Any, Any, None]:
        buffer, request_id = message.body(), message.request_id()
        body = bytes(buffer.read(len(buffer)))
        if self._serve(request_id, body, 0):
            return True
        return self._sessionless.serve(self, request_id, body) or True

    def _wrong_channel(self, channel: int, body: Any) -> int:
        """Return what is wrong with the ids of a message's chunk, Good when nothing is.

        asyncua takes TokenId 0 for one that is to come, and would change keys before it has checked the signature.
        """
        own = self.channel
        if not own.is_open() or channel != own.id:
            return int(ua.StatusCodes.BadTcpSecureChannelUnknown)
        (token,) = _U4.unpack(body.read(_U4.size))
        return quality.GOOD if own.admits(token) else int(ua.StatusCodes.BadSecureChannelTokenUnknown)

    def _refuse(self, code: int, reason: str) -> bool:
        """Send an Error message; return False, for the connection is closed then."""
        _lines.warn("%s is disconnected: %s (%s)", self.name, reason, status_code(code).name)
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
    """Return an Error message, after which the connection is closed; its reason is neutral, for anybody may read it."""
    kind: Any = ua.MessageType.Error
    return uatcp_to_binary(kind, ua.ErrorMessage(status_code(code), ua.String("refused; the server's log says why")))
