"""Connections of the server: whole chunks in order, in turns, from clients that read what they ask for."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from typing import TYPE_CHECKING, Any

from asyncua import Server, ua
from asyncua.common.utils import Buffer
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol
from asyncua.ua.ua_binary import header_from_binary

from opcua_server.processor import CONGESTED_BYTES, PlantProcessor, error_message
from opcua_server.request import TURN_S

if TYPE_CHECKING:
    from opcua_server.server import PlantServer

log = logging.getLogger("server")

STALLED_S = 30.0
"""Without reading anything: a congested client is disconnected."""
MOST_AHEAD_BYTES = 1 << 20
"""Received while the connection is busy with a message: no more is read."""
UNUSED_S = 30.0
"""Without an activated session: a connection is closed."""
_SIZE = struct.Struct("<I")
_SMALLEST = 8


class PlantProtocol(OPCUAProtocol):
    """One connection."""

    iserver: PlantServer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; where there are too many connections the oldest without a session gives way (OPC 10000-4 §5.6.2)."""
        self._received = bytearray()
        self._is_busy = False
        self._is_full = False
        self._unsent = 0
        self._watch: asyncio.TimerHandle | None = None
        if len(self.clients) >= self.iserver.max_connections:
            unused = next((each for each in self.clients if isinstance(each, PlantProtocol) and each.is_unused), None)
            if unused is not None:
                unused.give_way()
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

    @property
    def is_unused(self) -> bool:
        """True without an activated session."""
        return not (isinstance(self.processor, PlantProcessor) and self.processor.has_session())

    def give_way(self) -> None:
        """Close at once, for another connection."""
        log.warning("%s has no session and is disconnected for another client", self.peer_name)
        self.clients.remove(self)
        if self.transport is not None:
            self.transport.abort()

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
            if self._is_busy:
                if len(received) > MOST_AHEAD_BYTES:
                    transport.pause_reading()
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

    async def _activation_watchdog(self) -> None:
        """Close the connection when it is found unused for the first time, or for the second in a row."""
        was_unused = True
        while self.transport is not None and not self.transport.is_closing():
            await asyncio.sleep(UNUSED_S)
            if self.is_unused and was_unused:
                log.info("%s has no session and is disconnected", self.peer_name)
                self.transport.close()
            was_unused = self.is_unused

    async def _process_one_msg(self, header: Any, buf: Buffer) -> bool:
        try:
            return await super()._process_one_msg(header, buf)
        except Exception as error:  # noqa: BLE001 - whatever the library's codec stumbles over
            log.warning("%s sends what cannot be read (%r) and is disconnected", self.peer_name, error)
            self._close_by(ua.StatusCodes.BadSecurityChecksFailed)  # no more is told (OPC 10000-6 v1.05 §6.7.6)
            return False
        finally:
            self._is_busy = False
            asyncio.get_running_loop().call_soon(self._go_on)

    def _take(self, frame: bytes) -> None:
        if isinstance(self.processor, PlantProcessor) and self.processor.receive(frame):
            return
        buffer = Buffer(frame)
        try:
            self.messages.put_nowait((header_from_binary(buffer), buffer))
            self._is_busy = True
        except (struct.error, ua.UaError):
            log.warning("%s sends what cannot be taken and is disconnected", self.peer_name)
            if self.transport is not None:
                self.transport.close()

    def _refuse(self, size: int) -> None:
        log.warning("%s sends a chunk of %d bytes and is disconnected", self.peer_name, size)
        self._close_by(ua.StatusCodes.BadTcpMessageTooLarge)

    def _close_by(self, code: int) -> None:
        if self.transport is not None:
            self.transport.write(error_message(code))
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
