"""Chunks of a signed and encrypted channel that somebody has changed, sent again, or made wrongly on purpose.

None of them is served: the connection ends (OPC 10000-6 v1.05, "Verifying message security"), and the others go on.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary, uatcp_to_binary

from ..conformity.services import SP, T, read, read_request, rvid, service_result, write, write_request, write_value
from ..conformity.wire import ANSWER_S, Application, Connection, Session, begin
from .sending import is_served, unsent

HEADER = struct.Struct("<3scIII")
SEQUENCE = struct.Struct("<II")
FORBIDDEN = 377.5
"""What only a chunk that is not to be served would write."""


def forbidden_request(session: Session) -> bytes:
    """Return the body of a request which, if it is served, shows."""
    request = write_request(write_value(SP, FORBIDDEN))
    request.RequestHeader.AuthenticationToken = session.token
    return struct_to_binary(request)


@dataclass(frozen=True)
class Sealed:
    """How a chunk is made; what is None is as it should be."""

    gap: int = 1
    """From the last sequence number to this one."""
    channel: int | None = None
    token: int | None = None
    tail: bytes | None = None
    """In place of the padding, which begins with its own size and ends with it."""

    def chunk(self, connection: Connection, body: bytes, request_id: int) -> bytes:
        """Return a chunk whose signature is right."""
        channel = connection.channel
        crypto: Any = connection.policy.symmetric_cryptography
        token = channel.security_token
        plain = SEQUENCE.pack((channel._sequence_number + self.gap) % (1 << 32), request_id) + body
        plain += crypto.padding(len(plain)) if self.tail is None else self.tail
        header = HEADER.pack(
            b"MSG",
            b"F",
            HEADER.size + len(plain) + crypto.signature_size(),
            token.ChannelId if self.channel is None else self.channel,
            token.TokenId if self.token is None else self.token,
        )
        plain += crypto.signature(header + plain)
        return header + bytes(crypto.encrypt(plain))


async def secured(endpoint: str, application: Application) -> Session:
    return await begin(await Connection.open(endpoint, application), application)


@pytest.fixture
async def session(endpoint: str, bystander: Session, application: Application) -> Session:
    """A client on a signed and encrypted channel, which its test breaks or drops; nothing forbidden is written yet."""
    assert await write(bystander, write_value(SP, 340.0)) == ["Good"]
    return await secured(endpoint, application)


async def refusal(session: Session, bystander: Session, octets: bytes) -> str | None:
    """Send a chunk, which must not be served, end the connection and hurt no one else; return the error told."""
    error = session.connection._expect(0, ua.ErrorMessage)
    session.connection._writer.write(octets)
    await session.connection.lost()
    assert await is_served(bystander)
    assert (await read(bystander, SP))[0].Value.Value != FORBIDDEN
    return str(error.result().Error.name) if error.exception() is None else None


async def test_a_chunk_made_by_hand_is_served(session: Session) -> None:
    """Or the tests below would show nothing."""
    request = read_request(rvid(T))
    request.RequestHeader.AuthenticationToken = session.token
    answer = session.connection._expect(4711, ua.ReadResponse)
    session.connection._writer.write(Sealed().chunk(session.connection, struct_to_binary(request), 4711))
    assert await service_result(answer) == "Good"
    await session.connection.drop()


def changes(chunk: bytes) -> Iterator[bytes]:
    """Yield a chunk with one bit changed: in each byte of its header, then anywhere."""
    chance = random.Random(6)
    for place in (*range(HEADER.size), *(chance.randrange(HEADER.size, len(chunk)) for _ in range(24))):
        changed = bytearray(chunk)
        changed[place] ^= 1 << chance.randrange(8)
        yield bytes(changed)


async def test_a_chunk_that_was_changed_is_not_served(
    endpoint: str, session: Session, bystander: Session, application: Application
) -> None:
    body = forbidden_request(session)
    for place in range(len(list(changes(Sealed().chunk(session.connection, body, 4711))))):
        if session.connection._task.done():
            assert await session.activate(await Connection.open(endpoint, application)) == "Good"
        chunk = Sealed().chunk(session.connection, body, 4711)
        changed = list(changes(chunk))[place]
        if len(chunk) < int.from_bytes(changed[4:8], "little") <= 65_535:
            changed += bytes(int.from_bytes(changed[4:8], "little") - len(chunk))  # the rest, for which it waits
        await refusal(session, bystander, changed)


@pytest.mark.parametrize("count", [1, 16, 32, 152, 160, 167], ids=str)
async def test_a_chunk_that_was_cut_is_not_served(session: Session, bystander: Session, count: int) -> None:
    chunk = Sealed().chunk(session.connection, forbidden_request(session), 4711)[:-count]
    await refusal(session, bystander, chunk[:4] + struct.pack("<I", len(chunk)) + chunk[8:])


@pytest.mark.parametrize(
    "wrong",
    [
        *(Sealed(gap=gap) for gap in (0, 2, -1, 1000, -1000)),
        *(Sealed(token=token) for token in (0, 2, 3, 77, 0xFFFF_FFFF)),
        *(Sealed(channel=channel) for channel in (0, 1, 0xFFFF_FFFF)),
        Sealed(channel=0, token=0),
    ],
    ids=lambda wrong: repr(wrong)[len("Sealed") :],
)
async def test_a_chunk_with_a_wrong_number_is_not_served(session: Session, bystander: Session, wrong: Sealed) -> None:
    chunk = wrong.chunk(session.connection, forbidden_request(session), 4711)
    await refusal(session, bystander, chunk)


async def test_a_chunk_sent_again_is_not_served(session: Session, bystander: Session) -> None:
    (answer,), octets = unsent(session, read_request(rvid(T)))
    session.connection._writer.write(octets)
    assert await service_result(answer) == "Good"
    await refusal(session, bystander, octets)


async def test_a_chunk_of_another_connection_is_not_served(
    endpoint: str, session: Session, bystander: Session, application: Application
) -> None:
    other = await secured(endpoint, application)
    chunk = Sealed().chunk(other.connection, forbidden_request(other), 4711)
    here = session.connection.channel.security_token
    await refusal(session, bystander, chunk[:8] + struct.pack("<II", here.ChannelId, here.TokenId) + chunk[16:])
    assert await is_served(other)
    await other.connection.drop()


async def test_a_plain_chunk_is_not_served(session: Session, bystander: Session) -> None:
    token, body = session.connection.channel.security_token, forbidden_request(session)
    header = HEADER.pack(b"MSG", b"F", HEADER.size + SEQUENCE.size + len(body), token.ChannelId, token.TokenId)
    sequence = SEQUENCE.pack(session.connection.channel._sequence_number + 1, 4711)
    await refusal(session, bystander, header + sequence + body)


@pytest.mark.parametrize("claimed", [255, 16], ids=str)
async def test_padding_of_untrue_size_is_answered_with_a_fault_or_ends_its_connection(
    session: Session, bystander: Session, claimed: int
) -> None:
    connection = session.connection
    body = forbidden_request(session)
    crypto: Any = connection.policy.symmetric_cryptography
    size = len(crypto.padding(SEQUENCE.size + len(body)))
    answer = connection._expect(4711, ua.WriteResponse)
    connection._writer.write(Sealed(tail=bytes([claimed]) * size).chunk(connection, body, 4711))
    try:
        assert await service_result(answer) != "Good"
    except ConnectionError:
        await connection.lost()
    await connection.drop()
    assert await is_served(bystander)
    assert (await read(bystander, SP))[0].Value.Value != FORBIDDEN


class Garbling:
    """Changes a bit of whatever is written, but for its kind and size."""

    def __init__(self, writer: asyncio.StreamWriter, chance: random.Random) -> None:
        self._writer, self._chance = writer, chance

    def write(self, octets: bytes) -> None:
        changed = bytearray(octets)
        changed[self._chance.randrange(8, len(changed))] ^= 1 << self._chance.randrange(8)
        self._writer.write(changed)


async def test_an_open_request_that_was_changed_opens_nothing(
    endpoint: str, bystander: Session, application: Application
) -> None:
    known = await Connection.open(endpoint, application)
    await known.drop()
    chance = random.Random(7)
    host, _, port = endpoint.removeprefix("opc.tcp://").partition("/")[0].partition(":")
    for _ in range(20):
        reader, writer = await asyncio.open_connection(host, int(port))
        connection = Connection(reader, writer, known.policy)
        writer.write(uatcp_to_binary(ua.MessageType.Hello, ua.Hello(EndpointUrl=endpoint)))
        await asyncio.wait_for(connection._expect(0, ua.Acknowledge), ANSWER_S)
        garbling: Any = Garbling(writer, chance)
        connection._writer = garbling
        with pytest.raises(ConnectionError):
            await connection.open_channel()
        await connection.lost()
    assert await is_served(bystander)


@pytest.mark.parametrize(
    ("wrong", "errors"),
    [
        (Sealed(gap=0), {"BadSecurityChecksFailed"}),
        (Sealed(gap=2), {"BadSecurityChecksFailed"}),
        (Sealed(token=2), {"BadSecureChannelTokenUnknown", "BadTcpSecureChannelUnknown"}),
        (Sealed(channel=1), {"BadTcpSecureChannelUnknown", "BadSecureChannelIdInvalid"}),
    ],
    ids=["sent again", "one left out", "token", "channel"],
)
async def test_a_client_is_told_what_was_wrong_with_its_numbers(
    session: Session, bystander: Session, wrong: Sealed, errors: set[str]
) -> None:
    """OPC 10000-6 v1.05 §7.1.5: the server sends an Error message before it closes."""
    chunk = wrong.chunk(session.connection, forbidden_request(session), 4711)
    assert await refusal(session, bystander, chunk) in errors


async def test_a_client_is_told_that_security_checks_failed_and_no_more(session: Session, bystander: Session) -> None:
    chunk = bytearray(Sealed().chunk(session.connection, forbidden_request(session), 4711))
    chunk[-1] ^= 1
    assert await refusal(session, bystander, bytes(chunk)) == "BadSecurityChecksFailed"
