"""Chunks made by hand are those that asyncua reads, plain and signed and encrypted (OPC 10000-6 v1.05 §6.7.2)."""

from __future__ import annotations

import asyncio

import pytest
from asyncua import ua
from asyncua.common.connection import SecureConnection, TransportLimits
from asyncua.common.utils import Buffer
from asyncua.crypto import uacrypto
from asyncua.crypto.security_policies import SecurityPolicy, SecurityPolicyBasic256Sha256, SecurityPolicyNone
from asyncua.ua.ua_binary import header_from_binary
from hypothesis import given
from hypothesis import strategies as st

from opcua_server.wire.framing import Framer
from runtime.pki.own import own_identities

SECRET, SEED = b"s" * 32, b"t" * 32
bodies = st.binary(min_size=1, max_size=300) | st.integers(1, 70_000).map(lambda size: b"\xa5" * size)


@pytest.fixture(scope="module")
def encrypting(tmp_path_factory: pytest.TempPathFactory) -> list[SecurityPolicy]:
    """The two ends of a signed and encrypted channel."""
    identity = own_identities(tmp_path_factory.mktemp("identity"), (), "framing")[0]
    certificate = asyncio.run(uacrypto.load_certificate(identity.certificate))
    key = asyncio.run(uacrypto.load_private_key(identity.key))
    mode = ua.MessageSecurityMode.SignAndEncrypt
    here, there = (SecurityPolicyBasic256Sha256(certificate, certificate, key, mode) for _ in range(2))
    here.make_local_symmetric_key(SECRET, SEED)
    there.make_remote_symmetric_key(SECRET, SEED, 3_600_000)
    return [here, there]


def channel(policy: SecurityPolicy, chunk_bytes: int = 65_535, sequence_number: int = 0) -> SecureConnection:
    """One end of an open channel."""
    connection = SecureConnection(policy, TransportLimits(max_send_buffer=chunk_bytes, max_chunk_count=0))
    connection.security_token.ChannelId, connection.security_token.TokenId = ua.UInt32(7), ua.UInt32(13)
    connection._open = True
    connection._sequence_number = sequence_number
    return connection


def received(connection: SecureConnection, octets: bytes, chunk_bytes: int) -> list[tuple[int, bytes]]:
    """Return (request id, body) of the messages that asyncua reads."""
    found: list[tuple[int, bytes]] = []
    buffer = Buffer(octets)
    while len(buffer):
        header = header_from_binary(buffer)
        assert header.packet_size <= chunk_bytes
        message = connection.receive_from_header_and_body(header, buffer)
        if message is not None:
            body = message.body()
            found.append((message.request_id(), body.read(len(body))))
    return found


@given(st.lists(st.tuples(bodies, st.integers(0, 2**32 - 1)), min_size=1, max_size=3), st.integers(256, 20_000))
def test_any_body_arrives_in_chunks_of_any_size(
    encrypting: list[SecurityPolicy], messages: list[tuple[bytes, int]], chunk_bytes: int
) -> None:
    for here, there in ([SecurityPolicyNone(), SecurityPolicyNone()], encrypting):
        framer = Framer(channel(here, chunk_bytes))
        octets = b"".join(framer.frame(body, request_id) for body, request_id in messages)
        assert received(channel(there), octets, chunk_bytes) == [(number, body) for body, number in messages]


def test_sequence_numbers_wrap_around() -> None:
    octets = Framer(channel(SecurityPolicyNone(), 256, sequence_number=0xFFFF_FFFE)).frame(b"x" * 600, 1)
    assert received(channel(SecurityPolicyNone()), octets, 256) == [(1, b"x" * 600)]


@given(bodies.filter(lambda body: len(body) < 60_000), st.integers(0, 2**32 - 1))
def test_a_plain_message_is_unframed_where_it_stands(body: bytes, request_id: int) -> None:
    frame = Framer(channel(SecurityPolicyNone(), sequence_number=4)).frame(body, request_id)
    connection = channel(SecurityPolicyNone())
    connection._peer_sequence_number = 4
    framer = Framer(connection)
    found = framer.unframe(frame)
    assert found is not None
    assert (found[0], frame[found[1] :]) == (request_id, body)
    framer.accept()
    assert framer.unframe(frame) is None, "the same sequence number again"


@pytest.mark.parametrize(("at", "octet"), [(0, b"O"), (3, b"C"), (8, b"\x08"), (12, b"\x0e"), (16, b"\x07")])
def test_what_is_not_expected_is_left_to_asyncua(at: int, octet: bytes) -> None:
    frame = Framer(channel(SecurityPolicyNone(), sequence_number=4)).frame(b"body", 1)
    connection = channel(SecurityPolicyNone())
    connection._peer_sequence_number = 4
    framer = Framer(connection)
    assert framer.unframe(frame) is not None
    assert framer.unframe(frame[:at] + octet + frame[at + 1 :]) is None


@given(st.binary(max_size=40))
def test_bytes_without_meaning_are_left_to_asyncua(tail: bytes) -> None:
    connection = channel(SecurityPolicyNone())
    connection._peer_sequence_number = 2**31 - 1
    assert Framer(connection).unframe(b"MSGF" + tail) is None


def test_an_encrypted_message_is_left_to_asyncua(encrypting: list[SecurityPolicy]) -> None:
    connection = channel(encrypting[1])
    connection._peer_sequence_number = 0
    assert Framer(connection).unframe(Framer(channel(encrypting[0])).frame(b"body", 1)) is None
