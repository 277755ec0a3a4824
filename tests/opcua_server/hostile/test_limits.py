"""Past a limit of the settings: the Bad code that says so, a count, and nobody else hurt."""

from __future__ import annotations

import asyncio
import re
import struct
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.connection import MessageChunk
from asyncua.ua.ua_binary import struct_to_binary, uatcp_to_binary

from ..conformity.services import (
    T,
    item,
    monitor_all,
    publish_request,
    read_request,
    rvid,
    service_result,
    subscribe,
    transfer,
)
from ..conformity.wire import ANSWER_S, ANYBODY, Connection, Session, begin, connected
from ..server_process import ServerProcess
from .sending import fault, is_served

SETTINGS = {
    "SESSIONS": 30,
    "SESSIONS_PER_USER": 30,
    "SUBSCRIPTIONS": 5,
    "SUBSCRIPTIONS_PER_SESSION": 3,
    "SUBSCRIPTIONS_WITHOUT_SESSION": 1,
    "MONITORED_ITEMS": 30,
    "MONITORED_ITEMS_PER_SUBSCRIPTION": 20,
    "PUBLISH_REQUESTS_PER_SESSION": 10,
    "MESSAGE_BYTES": 1 << 20,
    "CHUNK_BYTES": 16_384,
    "CHUNKS": 100,
    "ARRAY_LENGTH": 10_000,
    "NESTING": 10,
    "HANDSHAKE_S": 2.0,
    "IDLE_S": 10.0,
    "TOKEN_LIFETIME_MIN_S": 1.0,
    "TOKEN_LIFETIME_MAX_S": 60.0,
}
STRANGER_BYTES = 256 << 10


@pytest.fixture(scope="module")
def server_process(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server of small limits."""
    settings = {f"SERVER__LIMITS__{name}": value for name, value in SETTINGS.items()}
    process = ServerProcess(tmp_path_factory.mktemp("limits"), settings=settings)
    process.endpoint()
    yield process
    process.stop()


@pytest.fixture
async def session(endpoint: str) -> AsyncIterator[Session]:
    async with connected(endpoint) as session:
        yield session


def reached(process: ServerProcess, limit: str) -> float:
    """Return how often a limit was reached."""
    with urllib.request.urlopen(f"http://127.0.0.1:{process.health_port}/metrics", timeout=ANSWER_S) as answer:
        text = answer.read().decode()
    found = re.search(rf'^cstr_limit_reached_total{{limit="{limit}"}} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


class Counted:
    """`async with Counted(process, limit)`: it is reached within."""

    def __init__(self, process: ServerProcess, limit: str) -> None:
        self._process, self._limit = process, limit

    async def __aenter__(self) -> None:
        self._before = await asyncio.to_thread(reached, self._process, self._limit)

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            assert await asyncio.to_thread(reached, self._process, self._limit) > self._before, self._limit


async def test_a_user_has_so_many_sessions(endpoint: str, server_process: ServerProcess, bystander: Session) -> None:
    connection = bystander.connection
    others: list[Session] = []
    async with Counted(server_process, "sessions_per_user"):
        while (code := await (one_more := await Session.create(connection)).activate()) == "Good":
            others.append(one_more)
    assert code == "BadTooManySessions"
    assert 0 < len(others) < SETTINGS["SESSIONS_PER_USER"]
    await others.pop().close()
    assert await one_more.activate() == "Good"
    for each in (*others, one_more):
        await each.close()
    assert await is_served(bystander)


async def test_a_session_and_the_server_have_so_many_subscriptions(
    endpoint: str, server_process: ServerProcess, session: Session
) -> None:
    request = ua.CreateSubscriptionRequest(Parameters=ua.CreateSubscriptionParameters(1000.0, 100, 10, 0, True, 0))
    for _ in range(3):
        await session.call(request)
    async with Counted(server_process, "subscriptions_per_session"):
        assert await session.refused(request) == "BadTooManySubscriptions"
    async with connected(endpoint) as other:
        for _ in range(2):
            await other.call(request)
        async with Counted(server_process, "subscriptions"):
            assert await other.refused(request) == "BadTooManySubscriptions"


async def test_of_subscriptions_that_wait_for_nobody_the_oldest_end(
    endpoint: str, server_process: ServerProcess, session: Session
) -> None:
    async with Counted(server_process, "subscriptions_without_session"), connected(endpoint) as gone:
        first, second = [(await subscribe(gone)).SubscriptionId for _ in range(2)]
        await gone.close(delete_subscriptions=False)
    results = [(await transfer(session, each))[0].StatusCode for each in (first, second)]
    assert results[0].name == "BadSubscriptionIdInvalid"
    assert results[1].is_good()


async def test_a_subscription_and_the_server_have_so_many_items(
    server_process: ServerProcess, session: Session
) -> None:
    first, second = [(await subscribe(session)).SubscriptionId for _ in range(2)]
    async with Counted(server_process, "monitored_items_per_subscription"):
        codes = [each.StatusCode.name for each in await monitor_all(session, first, *[item(T)] * 25)]
        assert codes == ["Good"] * 20 + ["BadTooManyMonitoredItems"] * 5
    async with Counted(server_process, "monitored_items"):
        codes = [each.StatusCode.name for each in await monitor_all(session, second, *[item(T)] * 15)]
        assert codes == ["Good"] * 10 + ["BadTooManyMonitoredItems"] * 5


async def test_a_session_has_so_many_publish_requests(server_process: ServerProcess, session: Session) -> None:
    await subscribe(session, 100_000.0)
    waiting = [session.send(publish_request()) for _ in range(10)]
    async with Counted(server_process, "publish_requests_per_session"):
        waiting.append(session.send(publish_request()))
        assert await service_result(waiting[0]) == "BadTooManyPublishRequests"
    assert not any(each.done() for each in waiting[1:])


def chunks(connection: Connection, body: bytes, count: int) -> bytes:
    """Return so many chunks of a message that does not end."""
    token = connection.channel.security_token
    octets = b""
    for _ in range(count):
        (chunk,) = MessageChunk.message_to_chunks(
            connection.policy, body, 65_535, channel_id=token.ChannelId, request_id=7, token_id=token.TokenId
        )
        connection.channel._sequence_number += 1
        chunk.SequenceHeader.SequenceNumber = connection.channel._sequence_number
        chunk.MessageHeader.ChunkType = ua.ChunkType.Intermediate
        octets += chunk.to_binary()
    return octets


@pytest.mark.parametrize(
    ("size", "count", "limit"),
    [(1, 101, "chunks"), (16_000, 66, "message_bytes")],
    ids=["chunks", "bytes"],
)
async def test_a_message_that_does_not_end_is_given_up(
    endpoint: str, bystander: Session, server_process: ServerProcess, size: int, count: int, limit: str
) -> None:
    hostile = await begin(await Connection.open(endpoint))
    error = hostile.connection._expect(0, ua.ErrorMessage)
    async with Counted(server_process, limit):
        hostile.connection._writer.write(chunks(hostile.connection, bytes(size), count))
        await hostile.connection.lost()
    assert error.result().Error.name == "BadRequestTooLarge"
    assert await is_served(bystander)


async def test_a_stranger_may_send_less(endpoint: str, bystander: Session, server_process: ServerProcess) -> None:
    stranger = await Connection.open(endpoint)
    async with Counted(server_process, "message_bytes"):
        stranger._writer.write(chunks(stranger, bytes(16_000), STRANGER_BYTES // 16_000 + 1))
        await stranger.lost()
    assert await is_served(bystander)


async def test_an_aborted_message_is_forgotten(endpoint: str, session: Session) -> None:
    connection = session.connection
    for _ in range(50):  # of twice what a message may have
        connection._writer.write(chunks(connection, bytes(16_000), 2))
        token = connection.channel.security_token
        reason = struct_to_binary(ua.ErrorMessage(ua.StatusCode(ua.UInt32(0x80000000)), "no"))
        (abort,) = MessageChunk.message_to_chunks(
            connection.policy, reason, 65_535, channel_id=token.ChannelId, request_id=7, token_id=token.TokenId
        )
        connection.channel._sequence_number += 1
        abort.SequenceHeader.SequenceNumber = connection.channel._sequence_number
        abort.MessageHeader.ChunkType = ua.ChunkType.Abort
        connection._writer.write(abort.to_binary())
    assert await is_served(session)


async def test_a_chunk_has_so_many_bytes(endpoint: str, bystander: Session, server_process: ServerProcess) -> None:
    hostile = await Connection.open(endpoint)
    error = hostile._expect(0, ua.ErrorMessage)
    async with Counted(server_process, "chunk_bytes"):
        hostile._writer.write(b"MSGF" + struct.pack("<I", 16_385) + bytes(100))
        await hostile.lost()
    assert error.result().Error.name == "BadTcpMessageTooLarge"


async def test_what_costs_too_much_to_read_is_refused(server_process: ServerProcess, session: Session) -> None:
    element = ua.RelativePathElement(TargetName=ua.QualifiedName("x", 0))
    path = ua.BrowsePath(ua.NodeId(84), ua.RelativePath([element] * 10_001))
    paths = ua.TranslateBrowsePathsToNodeIdsRequest(Parameters=ua.TranslateBrowsePathsToNodeIdsParameters([path]))
    paths.RequestHeader.AuthenticationToken = session.token
    async with Counted(server_process, "array_length"):
        assert await fault(session, struct_to_binary(paths)) == "BadEncodingLimitsExceeded"
    assert await is_served(session)


async def test_too_many_operations_are_not_even_decoded(session: Session) -> None:
    wanted = [ua.BrowsePath(ua.NodeId(84), ua.RelativePath([]))] * 10_001
    request = ua.TranslateBrowsePathsToNodeIdsRequest(Parameters=ua.TranslateBrowsePathsToNodeIdsParameters(wanted))
    assert await session.refused(request) == "BadTooManyOperations"


@pytest.mark.parametrize("talks", [False, True], ids=["silent", "a byte a second"])
async def test_a_handshake_takes_so_long(
    endpoint: str, bystander: Session, server_process: ServerProcess, talks: bool
) -> None:
    host, _, port = endpoint.removeprefix("opc.tcp://").partition("/")[0].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    hello = uatcp_to_binary(ua.MessageType.Hello, ua.Hello(EndpointUrl=endpoint))

    async def talk() -> None:
        for byte in hello:
            writer.write(bytes([byte]))
            await asyncio.sleep(1.0)

    talking = asyncio.create_task(talk()) if talks else None
    async with Counted(server_process, "handshake_s"):
        told = await asyncio.wait_for(reader.read(-1), 3 * ANSWER_S)
    assert told.startswith(b"ERRF")
    assert struct.unpack_from("<I", told, 8) == (ua.StatusCodes.BadTimeout,)
    if talking is not None:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
    writer.close()
    assert await is_served(bystander)


async def test_a_channel_that_is_idle_is_closed(endpoint: str, server_process: ServerProcess) -> None:
    session = await begin(await Connection.open(endpoint))
    error = session.connection._expect(0, ua.ErrorMessage)
    async with Counted(server_process, "idle_s"):
        await asyncio.wait_for(asyncio.shield(session.connection._task), 6 * ANSWER_S)
    assert error.result().Error.name == "BadTimeout"


async def _renewed(connection: Connection, lifetime_ms: int) -> int:
    """Renew the token for so long; return the revised lifetime."""
    renew = ua.SecurityTokenRequestType.Renew
    return int((await connection.open_channel(renew, RequestedLifetime=lifetime_ms)).SecurityToken.RevisedLifetime)


async def test_a_token_has_a_shortest_and_a_longest_lifetime(endpoint: str, session: Session) -> None:
    asked = [0, 1, 5_000, 3_600_000, 0xFFFF_FFFF]
    revised = [await _renewed(session.connection, each) for each in asked]
    assert revised == [60_000, 1_000, 5_000, 60_000, 60_000]


async def test_a_channel_that_is_not_renewed_is_closed(endpoint: str, server_process: ServerProcess) -> None:
    connection = await Connection.reach(endpoint, await ANYBODY.security(b""))
    async with Counted(server_process, "token_lifetime_max_s"):
        await connection.open_channel(RequestedLifetime=1)
        await connection.lost()
    assert connection.error == "BadSecureChannelTokenUnknown"


async def test_a_flood_of_renewals_keeps_nobody_waiting(endpoint: str, bystander: Session) -> None:
    async with connected(endpoint) as hostile:
        for _ in range(200):
            await _renewed(hostile.connection, 60_000)
            if hostile.connection._last_id % 20 == 0:
                assert await is_served(bystander)


@pytest.mark.parametrize("number", [1, 0x7FFF_FFFF, 0xFFFF_FFFF])
async def test_what_a_hello_says_of_responses_is_not_held_against_requests(endpoint: str, number: int) -> None:
    """A client that takes one chunk, or messages without end, may still send requests of several."""
    host, _, port = endpoint.removeprefix("opc.tcp://").partition("/")[0].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    connection = Connection(reader, writer, await ANYBODY.security(b""))
    hello = ua.Hello(0, 0xFFFF_FFFF, 0xFFFF_FFFF, 0, number, EndpointUrl=endpoint)
    writer.write(uatcp_to_binary(ua.MessageType.Hello, hello))
    answer = await asyncio.wait_for(connection._expect(0, ua.Acknowledge), ANSWER_S)
    assert (answer.ReceiveBufferSize, answer.SendBufferSize) == (16_384, 16_384)
    assert (answer.MaxMessageSize, answer.MaxChunkCount) == (1 << 20, 100)
    connection.channel._limits.max_send_buffer = 16_384
    await connection.open_channel()
    session = await begin(connection)
    assert await session.refused(read_request(*[rvid("nothing")] * 2_000)) in ("Good", "BadResponseTooLarge")
    await connection.drop()


async def test_an_endpoint_of_a_hello_has_so_many_bytes(endpoint: str, bystander: Session) -> None:
    host, _, port = endpoint.removeprefix("opc.tcp://").partition("/")[0].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(uatcp_to_binary(ua.MessageType.Hello, ua.Hello(EndpointUrl="x" * 4097)))
    told = await asyncio.wait_for(reader.read(-1), ANSWER_S)
    assert struct.unpack_from("<I", told, 8) == (ua.StatusCodes.BadTcpEndpointUrlInvalid,)
    writer.close()
    assert await is_served(bystander)


async def test_a_session_cannot_be_guessed(endpoint: str, bystander: Session) -> None:
    """Neither by its id, which may be seen, nor near it, nor by what other servers give out."""
    own = bystander.created
    guesses = [own.SessionId, ua.NodeId(0), ua.NodeId(1), ua.NodeId(1000), ua.NodeId(b"", 0), ua.NodeId("", 0)]
    for bit in range(8):
        token = bytearray(own.AuthenticationToken.Identifier)
        token[bit] ^= 1 << bit
        guesses.append(ua.NodeId(bytes(token), 0))
    guesses.append(own.AuthenticationToken)  # stolen, on another channel
    async with connected(endpoint) as hostile:
        for guess in guesses:
            answer = await asyncio.wait_for(hostile.connection.send(read_request(rvid(T)), guess), ANSWER_S)
            assert answer.ResponseHeader.ServiceResult.name == "BadSessionIdInvalid", guess
    assert await is_served(bystander)
