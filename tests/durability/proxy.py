"""A TCP relay between two parts that a test can cut, stall, or have repeat what it carries."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

Frames = Callable[[bytes], tuple[list[bytes], bytes]]
"""Splits what has arrived into whole messages and the rest."""

PIECE = 65_536


def mqtt_packets(octets: bytes) -> tuple[list[bytes], bytes]:
    """Split MQTT 3.1.1 control packets (§2.2)."""
    packets = []
    while len(octets) >= 2:
        length = shift = 0
        at = 1
        while at < len(octets) and at < 5:
            length |= (octets[at] & 0x7F) << shift
            shift += 7
            at += 1
            if not octets[at - 1] & 0x80:
                break
        else:
            break
        if len(octets) < at + length:
            break
        packets.append(octets[: at + length])
        octets = octets[at + length :]
    return packets, octets


def opcua_chunks(octets: bytes) -> tuple[list[bytes], bytes]:
    """Split OPC UA message chunks (OPC 10000-6 v1.05 §7.1.2.2)."""
    chunks = []
    while len(octets) >= 8 and len(octets) >= (size := int.from_bytes(octets[4:8], "little")) >= 8:
        chunks.append(octets[:size])
        octets = octets[size:]
    return chunks, octets


def is_repeatable(message: bytes) -> bool:
    """Tell a message that carries data: a PUBLISH, or a chunk of a secure conversation."""
    return message[:1] != b"" and (message[0] >> 4 == 3 or message[:3] == b"MSG")


class Proxy:
    """Listens on a port of its own for one target on this machine."""

    def __init__(self, name: str, port: int, target: int, frames: Frames | None = None) -> None:
        self.name, self.port, self._target, self._frames = name, port, target, frames
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_cut = False
        self._repeats = 0
        """How many messages are to be repeated, either way."""
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to relay."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End every connection."""
        if self._server is not None:
            self._server.close()
        self._abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cut(self, seconds: float) -> None:
        """End all connections, and let none through for a time."""
        self._is_cut = True
        self._abort()
        await asyncio.sleep(seconds)
        self._is_cut = False

    async def stall(self, seconds: float) -> None:
        """Carry nothing for a time, with all connections open."""
        self._flows.clear()
        await asyncio.sleep(seconds)
        self._flows.set()

    async def repeat(self, seconds: float) -> None:
        """Carry messages twice for a time."""
        self._repeats = 1_000_000
        await asyncio.sleep(seconds)
        self._repeats = 0

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if not self._is_cut:
                await self._relay(reader, writer)
        except OSError:
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers.add(there_writer)
        try:
            ways = [
                asyncio.create_task(self._carry(reader, there_writer)),
                asyncio.create_task(self._carry(there_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            there_writer.transport.abort()
            self._writers.discard(there_writer)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        rest = b""
        while piece := await source.read(PIECE):
            await self._flows.wait()
            if self._frames is None:
                sink.write(piece)
            else:
                messages, rest = self._frames(rest + piece)
                for message in messages:
                    sink.write(message)
                    if self._repeats and is_repeatable(message):
                        self._repeats -= 1
                        sink.write(message)
            with contextlib.suppress(ConnectionError):
                await sink.drain()
