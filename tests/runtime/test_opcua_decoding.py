"""An answer that cannot be decoded is a lost link; an error of ours is none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.common.connection import SecureConnection, TransportLimits
from asyncua.crypto.security_policies import SecurityPolicyNone
from asyncua.ua.ua_binary import struct_to_binary, uatcp_to_binary
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import LinkLost
from runtime.opcua_link import decoding
from runtime.opcua_link.connect import connected
from runtime.opcua_link.limits import Limits
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.nodes import listed
from runtime.ports import free_port

decoding.install()
VALUES = [ua.Variant(1.0), ua.Variant("text"), ua.Variant(ua.LocalizedText("text")), ua.Variant(ua.Range(0.0, 1.0))]
GOOD = struct_to_binary(ua.ReadResponse(Results=[ua.DataValue(each) for each in VALUES]))


def link(answer: bytes | Exception) -> OpcuaLink:
    """Return one over which everything is answered so."""

    async def send(request: Any, timeout: float | None = None) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return ua.utils.Buffer(answer)

    client = Client("opc.tcp://127.0.0.1:1")
    client.uaclient.session._send_request = send  # type: ignore[method-assign]
    return OpcuaLink(client, listed({"Tank.A": "i=1", "Tank.A.M": "i=2"})([], ""), Limits())


@given(st.dictionaries(st.integers(0, len(GOOD) - 1), st.integers(0, 255), max_size=3), st.integers(0, len(GOOD)))
async def test_a_damaged_answer_is_an_answer_or_a_lost_link(damage: dict[int, int], kept: int) -> None:
    octets = bytearray(GOOD)
    for place, octet in damage.items():
        octets[place] = octet
    try:
        await link(bytes(octets[:kept])).read(["Tank.A"] * len(VALUES))
    except LinkLost:
        return


@pytest.mark.parametrize("call", ["read", "write", "variables", "call", "clock", "subscribe"])
async def test_no_call_ends_with_another_error(call: str) -> None:
    arguments = {
        "read": [["Tank.A"]],
        "write": [{"Tank.A": 1.0}],
        "call": ["Tank.A", "M"],
        "subscribe": [["Tank.A"], None],
    }
    lost = link(bytes([255] * 60))
    with pytest.raises(LinkLost, match=r"127\.0\.0\.1:1: what it sent cannot be read"):
        await getattr(lost, call)(*arguments.get(call, []))


async def test_an_error_of_ours_is_seen() -> None:
    with pytest.raises(TypeError, match="ours"):
        await link(TypeError("ours")).read(["Tank.A"])


async def test_what_opens_a_channel_is_read_too() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(uatcp_to_binary(ua.MessageType.Acknowledge, ua.Acknowledge()))
        await reader.read(1000)
        channel = SecureConnection(SecurityPolicyNone(), TransportLimits(65535, 65535, 0, 0))
        writer.write(channel.message_to_binary(b"no response", message_type=ua.MessageType.SecureOpen, request_id=1))
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", free_port()) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(LinkLost, match="what it sent cannot be read: no secure channel"):
            async with connected(f"opc.tcp://127.0.0.1:{port}", "test"):
                pass
