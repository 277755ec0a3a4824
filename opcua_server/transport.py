"""Connections of the server: whole chunks in order, in turns, from clients that read what they ask for."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Callable, Coroutine
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import header_from_binary

from opcua_server.admission import Admission
from opcua_server.gate import Gate
from opcua_server.limits import ServerLimits
from opcua_server.log_rate import LogRate
from opcua_server.processor import CONGESTED_BYTES, PlantProcessor, error_message
from opcua_server.request import TURN_S

log = logging.getLogger("server")
_lines = LogRate(log, time.monotonic)
"""What strangers can cause."""

STALLED_S = 30.0
"""Without reading anything: a congested client is disconnected."""
MOST_AHEAD_BYTES = 1 << 20
"""Received while the connection is busy with a message: no more is read."""
MOST_UNSENT_BYTES = 512 << 20
"""Not read by all clients: that of which most waits is disconnected."""
MOST_UNFINISHED_BYTES, FEW_BYTES = 256 << 20, 1 << 20
"""Of messages whose last chunk is still to come, of all clients; and of one for which they are not counted."""
_SIZE = struct.Struct("<I")
_SMALLEST = 8
_TYPES = (b"HEL", b"ACK", b"ERR", b"RHE", b"OPN", b"MSG", b"CLO")
"""Of messages (OPC 10000-6 v1.05 §7.1.2.2)."""

MakeProcessor = Callable[[asyncio.Transport], PlantProcessor]


class PlantProtocol(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport
    processor: PlantProcessor

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._limits, self._reached = listener.limits.settings, listener.limits.reached
        self._heard_at = time.monotonic()
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
        self.address = str(self.name[0]) if self.name else ""
        if not self._listener.admit(self):
            self._close_by(ua.StatusCodes.BadTcpNotEnoughResources)
            return
        transport.set_write_buffer_limits(high=CONGESTED_BYTES)
        self.processor = self._listener.make_processor(transport)
        self._checking = asyncio.create_task(self._check_use(), name="connection")

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note; what is being worked on ends."""
        del exc
        self._listener.forget(self)
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
        log.debug("%s has no session and is disconnected for another client", self.name)
        self._listener.forget(self)
        self.transport.abort()

    def pause_writing(self) -> None:
        """Serve nothing more until the client has read."""
        self._is_full = True
        self._listener.relieve()
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
            if received[:3] not in _TYPES:
                self._refuse_type()
                return
            (size,) = _SIZE.unpack_from(received, 4)
            if size < _SMALLEST or size > self._limits.chunk_bytes:
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
            _lines.warn("%s reads nothing and is disconnected", self.name)
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
        """Close the connection when it is found unused, for the first time or the second in a row, or idle."""
        was_unused = True
        while not self.transport.is_closing():
            await asyncio.sleep(min(self._limits.handshake_s, self._limits.idle_s))
            self._take_place()
            if self.is_unused and was_unused:
                self._end_by("handshake_s")
            elif time.monotonic() > self._heard_at + self._limits.idle_s:
                self._end_by("idle_s")
            was_unused = self.is_unused

    def _end_by(self, limit: str) -> None:
        self._reached.note(limit)
        self._close_by(ua.StatusCodes.BadTimeout)

    def _take(self, frame: bytes) -> None:
        self._heard_at = time.monotonic()
        if self.processor.receive(frame):
            return
        try:
            buffer = Buffer(frame)
            header: Any = header_from_binary(buffer)
        except (struct.error, ua.UaError) as error:
            self._refuse_unread(error)
            return
        is_open = header.MessageType == ua.MessageType.SecureOpen
        is_stranger = self.is_unused and header.MessageType != ua.MessageType.Hello
        work = self._take_turn(header, buffer) if is_open or is_stranger else self._process(header, buffer)
        if isinstance(work, bool):
            self._taken(goes_on=work)
        else:
            self._is_busy = True
            self._working = asyncio.create_task(self._wait_for(work), name="request")

    async def _take_turn(self, header: Any, buffer: Buffer) -> bool:
        """Process what costs much, and anybody may send, when it is this client's turn."""
        async with self._listener.gate.turn(self.address):
            work = self._process(header, buffer)
            if isinstance(work, bool):
                return work
            await work
            return True

    def _process(self, header: Any, buffer: Buffer) -> bool | Coroutine[Any, Any, None]:
        try:
            return self.processor.process(header, buffer)
        except Exception as error:  # noqa: BLE001 - whatever the library's codec stumbles over
            self._refuse_unread(error)
            return False

    async def _wait_for(self, work: Coroutine[Any, Any, bool | None]) -> None:
        """Take nothing more until it is done."""
        self._taken(goes_on=await work is not False)
        self._is_busy = False
        self._go_on()

    def _taken(self, *, goes_on: bool) -> None:
        """Take note of what a message has changed."""
        if not goes_on:
            self.transport.close()
            return
        self._take_place()
        if self._listener.has_too_much(self.processor.channel.unfinished_bytes):
            self._reached.note("unfinished_bytes_of_all")
            self._close_by(ua.StatusCodes.BadTcpNotEnoughResources)

    def _take_place(self) -> None:
        """Say where this connection stands among those that may have to give way, and how much it may send."""
        if self.transport.is_closing():
            return
        if not self.is_unused:
            self._listener.strangers.leave(self, self.address)
            self.processor.channel.sizes.message_bytes = self._limits.message_bytes
        elif self.processor.channel.is_open():
            self._listener.strangers.opened(self, self.address)

    def _refuse_unread(self, error: Exception) -> None:
        _lines.warn("%s sends what cannot be read (%r) and is disconnected", self.name, error)
        self._close_by(ua.StatusCodes.BadSecurityChecksFailed)  # no more is told (OPC 10000-6 v1.05 §6.7.7)

    def _refuse_type(self) -> None:
        _lines.warn("%s does not speak OPC UA and is disconnected", self.name)
        self._close_by(ua.StatusCodes.BadTcpMessageTypeInvalid)

    def _refuse(self, size: int) -> None:
        self._reached.note("chunk_bytes")
        _lines.warn("%s sends a chunk of %d bytes and is disconnected", self.name, size)
        self._close_by(ua.StatusCodes.BadTcpMessageTooLarge)

    def _close_by(self, code: int) -> None:
        self.transport.write(error_message(code))
        self.transport.close()


class Listener:
    """The listening socket and its connections."""

    def __init__(self, make_processor: MakeProcessor, limits: ServerLimits) -> None:
        self.make_processor = make_processor
        self.limits = limits
        self.connections: dict[PlantProtocol, None] = {}
        """In the order in which they came."""
        self.strangers: Admission[PlantProtocol] = Admission()
        """Those of them that have no session."""
        self.gate = Gate()
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
        """Tell whether there is room, for which one without a session gives way (OPC 10000-4 v1.05 §5.6.2.1)."""
        if len(self.connections) >= self.limits.settings.connections:
            self.limits.reached.note("connections")
            stranger = self.strangers.next()
            if stranger is None:
                return False
            stranger.give_way()
        self.connections[connection] = None
        self.strangers.enter(connection, connection.address)
        return True

    def forget(self, connection: PlantProtocol) -> None:
        """Take note that a connection is gone."""
        self.connections.pop(connection, None)
        self.strangers.leave(connection, connection.address)

    def has_too_much(self, unfinished_bytes: int) -> bool:
        """Tell whether a client that has sent so much of a message adds to more than the server holds for all."""
        if unfinished_bytes < FEW_BYTES:
            return False
        every = sum(each.processor.channel.unfinished_bytes for each in self.connections)
        return every > MOST_UNFINISHED_BYTES

    def relieve(self) -> None:
        """Disconnect who reads least where too much waits to be read by all."""
        waiting = {each: each.transport.get_write_buffer_size() for each in self.connections}
        if sum(waiting.values()) > MOST_UNSENT_BYTES:
            self.limits.reached.note("unsent_bytes_of_all")
            max(waiting, key=lambda each: waiting[each]).transport.abort()
