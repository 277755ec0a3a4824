"""OpenSecureChannel requests with one field, or one byte, that is not as it should be open nothing.

Each ends its connection with an Error message, and no more than that is told (OPC 10000-6 v1.05 §6.7.7).
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from hashlib import sha1
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from ..conformity.services import T, read, read_request, rvid
from ..conformity.wire import ANYBODY, Application, Connection, begin, certificate_of, connected
from .conftest import Dial

HEADER = struct.Struct("<3scII")
SEQUENCE = struct.Struct("<II")
ENDLESS = 0x7FFF_FFFF


def text(octets: bytes, length: int | None = None) -> bytes:
    """Return a ByteString or String on the wire, whatever length it claims."""
    return struct.pack("<i", len(octets) if length is None else length) + octets


def body(**different: Any) -> bytes:
    """Return a request to open a signed and encrypted channel, its parameters different."""
    parameters = ua.OpenSecureChannelParameters(
        RequestType=ua.SecurityTokenRequestType.Issue,
        SecurityMode=ua.MessageSecurityMode.SignAndEncrypt,
        RequestedLifetime=3_600_000,
        ClientNonce=bytes(range(32)),
    )
    for field, value in different.items():
        setattr(parameters, field, value)
    return struct_to_binary(ua.OpenSecureChannelRequest(Parameters=parameters))


class Opening:
    """An OpenSecureChannel request as a client would make it, each part of which can be another."""

    def __init__(self, policy: Any) -> None:
        self.crypto = policy.asymmetric_cryptography
        self.chunk_type, self.channel = b"F", 0
        self.uri = text(policy.URI.encode())
        self.sender = text(policy.host_certificate or b"")
        self.thumbprint = text(sha1(policy.peer_certificate).digest() if policy.peer_certificate else b"")
        self.body = body()

    def chunk(self, request_id: int = 1, sequence_number: int = 1) -> bytes:
        security = self.uri + self.sender + self.thumbprint
        plain = SEQUENCE.pack(sequence_number, request_id) + self.body
        plain += self.crypto.padding(len(plain))
        blocks = (len(plain) + self.crypto.signature_size()) // self.crypto.plain_block_size()
        size = HEADER.size + len(security) + blocks * self.crypto.encrypted_block_size()
        header = HEADER.pack(b"OPN", self.chunk_type, size, self.channel)
        plain += self.crypto.signature(header + security + plain)
        return header + security + bytes(self.crypto.encrypt(plain))


async def reach(endpoint: str, client: Application) -> tuple[Connection, Opening]:
    connection = await Connection.reach(endpoint, await client.security(await certificate_of(endpoint)))
    return connection, Opening(connection.policy)


async def error_of(connection: Connection, octets: bytes) -> str:
    """Send bytes that end the connection; return the error that is told."""
    connection._writer.write(octets)
    await connection.lost()
    return connection.error


async def test_a_request_made_by_hand_opens_a_channel(endpoint: str, known: Application) -> None:
    """Or the tests below would show nothing."""
    connection, opening = await reach(endpoint, known)
    answer = connection._expect(1, ua.OpenSecureChannelResponse)
    connection._writer.write(opening.chunk())
    assert len((await answer).Parameters.ServerNonce) == 32
    await connection.drop()


async def test_without_security_a_certificate_is_ignored(endpoint: str) -> None:
    """OPC 10000-4 v1.05 §5.6.2.2."""
    connection = await Connection.reach(endpoint, await ANYBODY.security(b""))
    types = ua.SecurityTokenRequestType
    for number, (request_type, sender) in enumerate(
        [(types.Issue, b"none"), (types.Renew, b"another"), (types.Renew, b"")]
    ):
        opening = Opening(connection.policy)
        opening.body = body(RequestType=request_type, SecurityMode=ua.MessageSecurityMode.None_, ClientNonce=b"")
        opening.sender, opening.channel = text(sender), connection.channel.security_token.ChannelId
        answer = connection._expect(number + 1, ua.OpenSecureChannelResponse)
        connection._writer.write(opening.chunk(number + 1, number + 1))
        connection.channel.security_token = (await answer).Parameters.SecurityToken
    await connection.drop()


Change = Callable[[Opening], Any]
HEADERS: dict[str, tuple[Change, str]] = {
    "channel": (lambda it: setattr(it, "channel", 7), "BadTcpSecureChannelUnknown"),
    "no policy": (lambda it: setattr(it, "uri", text(b"", -1)), "BadSecurityPolicyRejected"),
    "empty policy": (lambda it: setattr(it, "uri", text(b"")), "BadSecurityPolicyRejected"),
    "policy of 50 kB": (lambda it: setattr(it, "uri", text(b"x" * 50_000)), "BadSecurityPolicyRejected"),
    "policy of no encoding": (lambda it: setattr(it, "uri", text(b"\xff\xfe")), "BadSecurityPolicyRejected"),
    "policy without end": (lambda it: setattr(it, "uri", text(b"x", ENDLESS)), "BadSecurityChecksFailed"),
    "no certificate": (lambda it: setattr(it, "sender", text(b"", -1)), "BadCertificateInvalid"),
    "empty certificate": (lambda it: setattr(it, "sender", text(b"")), "BadCertificateInvalid"),
    "certificate of noise": (lambda it: setattr(it, "sender", text(bytes(range(256)) * 5)), "BadCertificateInvalid"),
    "certificate of zeros": (
        lambda it: setattr(it, "sender", text(b"\x30\x82\x04\x00" + bytes(1024))),
        "BadCertificateInvalid",
    ),
    "half a certificate": (lambda it: setattr(it, "sender", text(it.sender[4:400])), "BadCertificateInvalid"),
    "certificate without end": (lambda it: setattr(it, "sender", text(b"x", ENDLESS)), "BadSecurityChecksFailed"),
    "no thumbprint": (lambda it: setattr(it, "thumbprint", text(b"", -1)), "BadCertificateInvalid"),
    "half a thumbprint": (lambda it: setattr(it, "thumbprint", text(it.thumbprint[4:14])), "BadCertificateInvalid"),
    "thumbprint without end": (
        lambda it: setattr(it, "thumbprint", text(b"x", ENDLESS)),
        "BadSecurityChecksFailed",
    ),
}


@pytest.mark.parametrize(("change", "error"), HEADERS.values(), ids=HEADERS.keys())
async def test_a_header_that_is_wrong(endpoint: str, known: Application, change: Change, error: str) -> None:
    connection, opening = await reach(endpoint, known)
    change(opening)
    assert await error_of(connection, opening.chunk()) == error


BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "BadDecodingError"),
    "half": (body()[:30], "BadDecodingError"),
    "of another service": (struct_to_binary(ua.GetEndpointsRequest()), "BadDecodingError"),
    "of one byte": (b"\x00", "BadDecodingError"),
    "with a nonce without end": (
        body().replace(text(bytes(range(32))), text(bytes(range(32)), ENDLESS)),
        "BadDecodingError",
    ),
    "with a nonce of 10 kB": (body(ClientNonce=bytes(10_000)), "BadNonceInvalid"),
}


@pytest.mark.parametrize(("octets", "error"), BODIES.values(), ids=BODIES.keys())
async def test_a_body_that_is_wrong(endpoint: str, known: Application, octets: bytes, error: str) -> None:
    connection, opening = await reach(endpoint, known)
    opening.body = octets
    assert await error_of(connection, opening.chunk()) == error


async def test_a_body_of_a_request_with_the_same_fields_is_none(endpoint: str, known: Application) -> None:
    connection, opening = await reach(endpoint, known)
    number = ua.ObjectIds.OpenSecureChannelRequest_Encoding_DefaultBinary
    other = ua.ObjectIds.CloseSecureChannelRequest_Encoding_DefaultBinary
    assert opening.body[2:4] == struct.pack("<H", number)
    opening.body = opening.body[:2] + struct.pack("<H", other) + opening.body[4:]
    assert await error_of(connection, opening.chunk()) == "BadDecodingError"


async def test_a_request_is_in_one_chunk(endpoint: str, known: Application) -> None:
    """OPC 10000-6 v1.05 §6.7.2: OpenSecureChannel Messages are not split."""
    for chunk_type in (b"C", b"A", b"X"):
        connection, opening = await reach(endpoint, known)
        opening.chunk_type = chunk_type
        assert await error_of(connection, opening.chunk()) == "BadSecurityChecksFailed"


async def test_a_request_stands_in_no_other_message(endpoint: str, dial: Dial) -> None:
    """A renewal amid the chunks of a message, of the same request id, is no chunk of it."""
    connection = await dial()
    session = await begin(connection)
    chunks = connection.channel
    request = read_request(*[rvid(T)] * 2)
    request.RequestHeader.AuthenticationToken = session.token
    octets = chunks.message_to_binary(struct_to_binary(request), request_id=99)
    renewal = chunks.message_to_binary(
        body(RequestType=ua.SecurityTokenRequestType.Renew, SecurityMode=ua.MessageSecurityMode.None_),
        ua.MessageType.SecureOpen,
        99,
    )
    assert await error_of(connection, octets[:3] + b"C" + octets[4:] + renewal) == "BadSecurityChecksFailed"


async def test_one_changed_bit_anywhere_opens_nothing(endpoint: str, known: Application) -> None:
    chance = random.Random(5)
    connection, opening = await reach(endpoint, known)
    await connection.drop()
    chunk = opening.chunk()
    async with connected(endpoint) as bystander:
        for place in (*range(8, 12), *range(12, len(chunk), len(chunk) // 40)):
            changed = bytearray(chunk)
            changed[place] ^= 1 << chance.randrange(8)
            connection = await Connection.reach(endpoint, await ANYBODY.security(b""))
            assert (await error_of(connection, bytes(changed))).startswith("Bad"), place
        assert (await read(bystander, T))[0].StatusCode.is_good()


async def test_a_request_that_was_overheard_opens_a_channel_that_nobody_can_use(
    endpoint: str, known: Application
) -> None:
    connection, opening = await reach(endpoint, known)
    chunk = opening.chunk()
    await connection.drop()
    eavesdropper = await Connection.reach(endpoint, await known.security(await certificate_of(endpoint)))
    answer = eavesdropper._expect(1, ua.OpenSecureChannelResponse)
    eavesdropper._writer.write(chunk)
    token = (await answer).Parameters.SecurityToken
    message = struct.pack("<3scIII", b"MSG", b"F", 64, token.ChannelId, token.TokenId) + bytes(48)
    assert await error_of(eavesdropper, message) == "BadSecurityChecksFailed"
