"""Connections of the server: whole chunks in order, in turns, from clients that read what they ask for."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Callable, Coroutine
from typing import Any

from asyncua import ua
from asyncua.common.connection import TransportLimits
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import header_from_binary

from opcua_server.limits import CHUNK_BYTES, MESSAGE_BYTES, MOST_CONNECTIONS
from opcua_server.processor import CONGESTED_BYTES, PlantProcessor, error_message
from opcua_server.request import TURN_S

log = logging.getLogger("server")

STALLED_S = 30.0
"""Without reading anything: a congested client is disconnected."""
MOST_AHEAD_BYTES = 1 << 20
"""Received while the connection is busy with a message: no more is read."""
UNUSED_S = 30.0
"""Without an activated session: a connection is closed."""
_SIZE = struct.Struct("<I")
_SMALLEST = 8

MakeProcessor = Callable[[asyncio.Transport, TransportLimits], PlantProcessor]


def transport_limits() -> TransportLimits:
    """Return the sizes that the server takes, before a client wants less."""
    return TransportLimits(CHUNK_BYTES, CHUNK_BYTES, MESSAGE_BYTES // CHUNK_BYTES + 1, MESSAGE_BYTES)


class PlantProtocol(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport
    processor: PlantProcessor

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._limits = transport_limits()
        self._received = bytearray()
        self._is_busy = False
        self._is_full = False
        self._unsent = 0
        self._watch: asyncio.TimerHandle | None = None
        self._working: asyncio.Task[None] | None = None
        self._checking: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, where there is room."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self.transport = transport
        self.name = transport.get_extra_info("peername")
        if not self._listener.admit(self):
            transport.abort()
            return
        transport.set_write_buffer_limits(high=CONGESTED_BYTES)
        self.processor = self._listener.make_processor(transport, self._limits)
        self._checking = asyncio.create_task(self._check_use(), name="connection")

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note; what is being worked on ends."""
        del exc
        self._listener.connections.pop(self, None)
        self._unwatch()
        if self._checking is not None:  # it was admitted
            self.processor.disconnect()
            self._checking.cancel()
        if self._working is not None:
            self._working.cancel()

    @property
    def is_unused(self) -> bool:
        """True without an activated session."""
        return not self.processor.has_session()

    def give_way(self) -> None:
        """Close at once, for another connection."""
        log.warning("%s has no session and is disconnected for another client", self.name)
        self._listener.connections.pop(self, None)
        self.transport.abort()

    def pause_writing(self) -> None:
        """Serve nothing more until the client has read."""
        self._is_full = True
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
        while len(received) >= _SMALLEST and not transport.is_closing():
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
            if size < _SMALLEST or size > CHUNK_BYTES:
                self._refuse(size)
                return
            if len(received) < size:
                return
            frame = bytes(received[:size])
            del received[:size]
            self._take(frame)

    def _go_on(self) -> None:
        if not self.transport.is_closing() and not self._is_full:
            self.transport.resume_reading()
            self._take_received()

    def _check_reading(self) -> None:
        """Disconnect a congested client that has read nothing since the last check."""
        transport = self.transport
        if transport.is_closing():
            return
        unsent = transport.get_write_buffer_size()
        if unsent == self._unsent:
            log.warning("%s reads nothing and is disconnected", self.name)
            transport.abort()
            return
        self._unsent = unsent
        self._watch = asyncio.get_running_loop().call_later(STALLED_S, self._check_reading)

    def _unwatch(self) -> None:
        self._unsent = 0
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    async def _check_use(self) -> None:
        """Close the connection when it is found unused for the first time, or for the second in a row."""
        was_unused = True
        while not self.transport.is_closing():
            await asyncio.sleep(UNUSED_S)
            if self.is_unused and was_unused:
                log.info("%s has no session and is disconnected", self.name)
                self.transport.close()
            was_unused = self.is_unused

    def _take(self, frame: bytes) -> None:
        if self.processor.receive(frame):
            return
        try:
            buffer = Buffer(frame)
            work = self.processor.process(header_from_binary(buffer), buffer)
        except Exception as error:  # noqa: BLE001 - whatever the library's codec stumbles over
            log.warning("%s sends what cannot be read (%r) and is disconnected", self.name, error)
            self._close_by(ua.StatusCodes.BadSecurityChecksFailed)  # no more is told (OPC 10000-6 v1.05 §6.7.7)
            return
        if work is False:
            self.transport.close()
        elif work is not True:
            self._is_busy = True
            self._working = asyncio.create_task(self._wait_for(work), name="request")

    async def _wait_for(self, work: Coroutine[Any, Any, None]) -> None:
        """Take nothing more until it is done."""
        await work
        self._is_busy = False
        self._go_on()

    def _refuse(self, size: int) -> None:
        log.warning("%s sends a chunk of %d bytes and is disconnected", self.name, size)
        self._close_by(ua.StatusCodes.BadTcpMessageTooLarge)

    def _close_by(self, code: int) -> None:
        self.transport.write(error_message(code))
        self.transport.close()


class Listener:
    """The listening socket and its connections."""

    def __init__(self, make_processor: MakeProcessor, most: int = MOST_CONNECTIONS) -> None:
        self.make_processor = make_processor
        self.connections: dict[PlantProtocol, None] = {}
        """In the order in which they came."""
        self._most = most
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Open the port.

        Raises:
            OSError: when it cannot be opened.
        """
        self._server = await asyncio.get_running_loop().create_server(lambda: PlantProtocol(self), host, port)

    async def stop(self) -> None:
        """Close the port and all connections."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.transport.close()
        await asyncio.sleep(0)

    def admit(self, connection: PlantProtocol) -> bool:
        """Tell whether there is room, for which the oldest without a session gives way (OPC 10000-6 v1.05 §7.1.2.3)."""
        if len(self.connections) >= self._most:
            unused = next((each for each in self.connections if each.is_unused), None)
            if unused is None:
                log.warning("%s is not let in: all %d connections are in use", connection.name, self._most)
                return False
            unused.give_way()
        self.connections[connection] = None
        return True
