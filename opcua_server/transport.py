"""Connections of the server: most requests are answered at once, within the call that brings their bytes.

asyncua keeps a session with subscriptions alive beyond its connection, as OPC 10000-4 v1.05 §6.7 asks, for a client
that comes back; a controller that comes back with a new session must not wait for the old one's heartbeat to go stale,
so the loops of a session are free as soon as its connection is gone.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from asyncua import Server, ua
from asyncua.common.utils import Buffer, ServiceError
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol
from asyncua.server.internal_session import SessionState
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.ua_binary import header_from_binary, struct_from_binary, uatcp_to_binary

from opcua_server.dispatch import MALFORMED_REQUEST, Dispatcher
from opcua_server.session import PlantSession
from opcua_server.wire.framing import Framer
from opcua_server.wire.messages import fault
from opcua_server.wire.requests import request_header

if TYPE_CHECKING:
    from opcua_server.server import PlantServer

log = logging.getLogger("server")

CONGESTED_BYTES = 4 << 20
"""Not read by a client: nothing more is published to it, and no request of it is served, until it has read."""
MOST_UNSENT_BYTES = 64 << 20
"""Not read by a client: it is disconnected."""
STALLED_S = 30.0
"""Without reading anything: a congested client is disconnected."""
MOST_WORKING = 100
"""Calls of a connection that are being carried out."""
TURN_S = 0.01
"""After so long a connection's further requests wait until all others, and the scan, have had their turn."""
SMALLEST_BUFFER = 8192
"""Of a client, for a chunk (OPC 10000-6 v1.05 §7.1.2.3)."""
_SIZE = struct.Struct("<I")
_SMALLEST = 8
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
        elif kind == ua.MessageType.SecureMessage and not self._connection.is_open():
            return self._refuse(ua.StatusCodes.BadSecureChannelIdInvalid)
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
        result = await super().process_message(seqhdr, body)  # type: ignore[no-untyped-call]
        if self.session is not None:
            if self.session.state is SessionState.Closed:
                self._sessions.pop(self.session.token, None)
                return result
            self._sessions[self.session.token] = self.session
            if self.session.is_activated():
                self.session.connect(self)
        return result

    async def _process_message(self, typeid: Any, requesthdr: Any, seqhdr: Any, body: Any) -> Any:
        try:
            return await super()._process_message(typeid, requesthdr, seqhdr, body)  # type: ignore[no-untyped-call]
        except (ua.uaerrors.UaStatusCodeError, ServiceError):
            raise
        except MALFORMED_REQUEST as error:
            raise ua.uaerrors.BadDecodingError from error

    def send(self, body: bytes, request_id: int) -> None:
        """Send a response."""
        transport = self._transport
        if transport.is_closing():
            return
        if self._framer.is_too_large(body):
            handle = struct.unpack_from("<I", body, 12)[0]
            body = fault(handle, ua.StatusCodes.BadResponseTooLarge)
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
                await session.close_session(True)

    def disconnect(self) -> None:
        """Take note at once that nothing can be sent any longer."""
        for session in self._sessions.values():
            session.disconnect(self)

    async def _session_watchdog_loop(self) -> None:
        """Do nothing: each session watches its own time."""

    def _refuse(self, code: int) -> bool:
        """Send an Error message; return False, for the connection is closed then."""
        log.warning("%s does not speak as it should and is disconnected", self.name)
        self._transport.write(_error(code))
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


class PlantProtocol(OPCUAProtocol):
    """One connection."""

    iserver: PlantServer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._received = bytearray()
        self._queued = 0
        self._is_full = False
        self._unsent = 0
        self._watch: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        if self.transport is not None:
            self.transport.set_write_buffer_limits(high=CONGESTED_BYTES)
        if self.processor is not None and self.iserver.dispatcher is not None:
            self.processor = PlantProcessor(self.iserver, self.iserver.dispatcher, self.transport, self.limits)
            self.processor.set_policies(self.policies)  # type: ignore[no-untyped-call]

    def connection_lost(self, ex: BaseException | None) -> None:
        """Free the session's loops; the rest is the library's."""
        if isinstance(self.processor, PlantProcessor):
            self.processor.disconnect()
        self._unwatch()
        super().connection_lost(ex)

    def pause_writing(self) -> None:
        """Serve nothing more until the client has read."""
        self._is_full = True
        if self.transport is not None:
            self.transport.pause_reading()
        self._check_reading()

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        self._is_full = False
        self._unwatch()
        self._go_on()

    def data_received(self, data: bytes) -> None:
        """Take whole chunks, in order."""
        self._received += data
        self._take_received()

    def _take_received(self) -> None:
        received, transport = self._received, self.transport
        until = time.monotonic() + TURN_S
        while len(received) >= _SMALLEST and transport is not None and not transport.is_closing():
            if self._is_full:
                return
            if time.monotonic() > until:
                transport.pause_reading()
                asyncio.get_running_loop().call_soon(self._go_on)
                return
            (size,) = _SIZE.unpack_from(received, 4)
            if size < _SMALLEST or size > self.limits.max_recv_buffer:
                self._refuse(size)
                return
            if len(received) < size:
                return
            frame = bytes(received[:size])
            del received[:size]
            self._take(frame)

    def _go_on(self) -> None:
        if self.transport is not None and not self.transport.is_closing() and not self._is_full:
            self.transport.resume_reading()
            self._take_received()

    def _check_reading(self) -> None:
        """Disconnect a congested client that has read nothing since the last check."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        unsent = transport.get_write_buffer_size()
        if unsent == self._unsent:
            log.warning("%s reads nothing and is disconnected", self.peer_name)
            transport.abort()
            return
        self._unsent = unsent
        self._watch = asyncio.get_running_loop().call_later(STALLED_S, self._check_reading)

    def _unwatch(self) -> None:
        self._unsent = 0
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    async def _process_one_msg(self, header: Any, buf: Buffer) -> bool:
        try:
            return await super()._process_one_msg(header, buf)
        except Exception as error:  # noqa: BLE001 - whatever the library's codec stumbles over
            log.warning("%s sends what cannot be read (%r) and is disconnected", self.peer_name, error)
            if self.transport is not None:
                self.transport.close()
            return False
        finally:
            self._queued -= 1

    def _take(self, frame: bytes) -> None:
        processor = self.processor
        if not self._queued and isinstance(processor, PlantProcessor) and processor.receive(frame):
            return
        buffer = Buffer(frame)
        try:
            self.messages.put_nowait((header_from_binary(buffer), buffer))
            self._queued += 1
        except (asyncio.QueueFull, struct.error, ua.UaError):
            log.warning("%s sends what cannot be taken and is disconnected", self.peer_name)
            if self.transport is not None:
                self.transport.close()

    def _refuse(self, size: int) -> None:
        log.warning("%s sends a chunk of %d bytes and is disconnected", self.peer_name, size)
        if self.transport is not None:
            self.transport.write(_error(ua.StatusCodes.BadTcpMessageTooLarge))
            self.transport.close()


def _error(code: int) -> bytes:
    kind: Any = ua.MessageType.Error
    return uatcp_to_binary(kind, ua.ErrorMessage(ua.StatusCode(ua.UInt32(code))))


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
