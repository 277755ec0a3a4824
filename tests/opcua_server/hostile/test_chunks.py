"""Clients that write slowly, lie about the size of a chunk, or do not greet."""

from __future__ import annotations

import asyncio
import contextlib
import struct

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import uatcp_to_binary

from ..conformity.services import T, read_request, rvid, service_result
from ..conformity.wire import ANSWER_S, Connection, Session, connected
from .sending import UNTRUE, is_served, unsent


async def test_a_request_may_come_byte_by_byte(endpoint: str, bystander: Session) -> None:
    async with connected(endpoint) as slow:
        (answer,), octets = unsent(slow, read_request(rvid(T)))
        for byte in octets:
            slow.connection._writer.write(bytes([byte]))
            await asyncio.sleep(0)
            assert not answer.done()
        assert await service_result(answer) == "Good"


@pytest.mark.parametrize("size", [0, 7, 65_536, UNTRUE, 0xFFFF_FFFF])
async def test_a_chunk_of_absurd_size_ends_its_connection(endpoint: str, bystander: Session, size: int) -> None:
    connection = await Connection.open(endpoint)
    error = connection._expect(0, ua.ErrorMessage)
    connection._writer.write(b"MSGF" + struct.pack("<I", size) + bytes(100))
    await connection.lost()
    assert error.result().Error.name == "BadTcpMessageTooLarge"
    assert await is_served(bystander)


@pytest.mark.parametrize(
    "start",
    [
        uatcp_to_binary(ua.MessageType.Hello, ua.Hello(ReceiveBufferSize=24, EndpointUrl="")),
        uatcp_to_binary(ua.MessageType.Hello, ua.Hello(SendBufferSize=0, EndpointUrl="")),
        2 * uatcp_to_binary(ua.MessageType.Hello, ua.Hello(EndpointUrl="")),
        b"MSGF" + struct.pack("<5I", 28, 0, 0, 1, 1) + bytes(4),
        b"OPNF" + struct.pack("<I", 40) + bytes(32),
        b"XYZF" + struct.pack("<I", 40) + bytes(32),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["small buffer", "no buffer", "two hellos", "message", "channel", "unknown", "http"],
)
async def test_who_does_not_greet_properly_is_disconnected(endpoint: str, bystander: Session, start: bytes) -> None:
    host, _, port = endpoint.removeprefix("opc.tcp://").partition("/")[0].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(start)
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(-1), ANSWER_S)
    writer.close()
    assert await is_served(bystander)
