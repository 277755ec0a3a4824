"""Connections of the server: most requests are answered at once, within the call that brings their bytes.

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

from asyncua import Server, ua
from asyncua.common.utils import Buffer
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.ua_binary import header_from_binary, uatcp_to_binary

from opcua_server.dispatch import MALFORMED_REQUEST, Dispatcher
from opcua_server.session import PlantSession
from opcua_server.wire.framing import Framer
from opcua_server.wire.messages import response

if TYPE_CHECKING:
    from opcua_server.server import PlantServer

log = logging.getLogger("server")

CONGESTED_BYTES = 4 << 20
"""Not read by a client: nothing more is published to it until it has read."""
MOST_UNSENT_BYTES = 64 << 20
"""Not read by a client: it is disconnected."""
MOST_WORKING = 100
"""Calls of a connection that are being carried out."""
_SIZE = struct.Struct("<I")
_SMALLEST = 8
_SERVICE_FAULT = 397


class PlantProcessor(UaProcessor):
    """One client's secure channel and session."""

    session: Any

    def __init__(self, server: PlantServer, dispatcher: Dispatcher, transport: Any, limits: Any) -> None:
        super().__init__(server, transport, limits)
        self._dispatcher = dispatcher
        self._framer = Framer(self._connection)
        self._working: set[asyncio.Task[None]] = set()

    def receive(self, frame: bytes) -> bool:
        """Answer a message at once; False when that takes more than this."""
        found = self._framer.unframe(frame)
        if found is None or not self._serve(found[0], frame, found[1]):
            return False
        self._framer.accept()
        return True

    async def process_message(self, seqhdr: Any, body: Any) -> Any:
        """Answer a message, by the library where it is one of its own services."""
        if self._serve(seqhdr.RequestId, bytes(body), 0):
            return True
        result = await super().process_message(seqhdr, body)  # type: ignore[no-untyped-call]
        if isinstance(self.session, PlantSession) and self.session.is_activated():
            self.session.connect(self)
        return result

    def send(self, body: bytes, request_id: int) -> None:
        """Send a response."""
        transport = self._transport
        if transport.is_closing():
            return
        if self._framer.is_too_large(body):
            handle = struct.unpack_from("<I", body, 12)[0]
            body = response(_SERVICE_FAULT, handle, ua.StatusCodes.BadResponseTooLarge)
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
        """Take note that the connection is gone."""
        for task in self._working:
            task.cancel()
        await super().close()  # type: ignore[no-untyped-call]

    def _worked(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a call failed", exc_info=task.exception())

    def _serve(self, request_id: int, body: bytes, at: int) -> bool:
        try:
            served = self._dispatcher.serve(self, request_id, body, at)
        except MALFORMED_REQUEST:
            self.send(response(_SERVICE_FAULT, 0, ua.StatusCodes.BadDecodingError), request_id)
            return True
        if served and self.session is not None:
            self.session_last_activity = asyncio.get_running_loop().time()
        return served

    def _should_close_session_on_transport_loss(self) -> bool:
        session = self.session
        if not isinstance(session, PlantSession) or not session.is_activated():
            return session is not None
        return session.connection in (None, self) and not session.subscriptions


class PlantProtocol(OPCUAProtocol):
    """One connection."""

    iserver: PlantServer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self._received = bytearray()
        self._queued = 0
        if self.processor is not None and self.iserver.dispatcher is not None:
            self.processor = PlantProcessor(self.iserver, self.iserver.dispatcher, self.transport, self.limits)
            self.processor.set_policies(self.policies)  # type: ignore[no-untyped-call]

    def connection_lost(self, ex: BaseException | None) -> None:
        """Free the session's loops; the rest is the library's."""
        session = self.processor.session if self.processor is not None else None
        if isinstance(session, PlantSession):
            session.disconnect(self.processor)
        super().connection_lost(ex)

    def data_received(self, data: bytes) -> None:
        """Take whole chunks, in order."""
        received = self._received
        received += data
        while len(received) >= _SMALLEST and self.transport is not None and not self.transport.is_closing():
            (size,) = _SIZE.unpack_from(received, 4)
            if size < _SMALLEST or size > self.limits.max_recv_buffer:
                self._refuse(size)
                return
            if len(received) < size:
                return
            frame = bytes(received[:size])
            del received[:size]
            self._take(frame)

    async def _process_one_msg(self, header: Any, buf: Buffer) -> bool:
        try:
            return await super()._process_one_msg(header, buf)
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
            status = ua.StatusCode(ua.UInt32(ua.StatusCodes.BadTcpMessageTooLarge))
            error: Any = ua.MessageType.Error
            self.transport.write(uatcp_to_binary(error, ua.ErrorMessage(status)))
            self.transport.close()


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
