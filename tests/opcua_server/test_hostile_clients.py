"""Clients that stall, dawdle, lie about lengths or send garbage.

The others are served on time, and no exception is logged that nobody foresaw.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary, uatcp_to_binary

from opcua_server import limits, transport

from .conformity.services import (
    CAUSE,
    OVERFLOW,
    SP,
    STRING,
    TC,
    UINT32,
    T,
    call_request,
    changes_of,
    deadband,
    delete_items_request,
    delete_subscriptions_request,
    item,
    modify_items_request,
    modify_subscription_request,
    monitor,
    monitor_all,
    monitor_request,
    monitoring_mode_request,
    now,
    publish,
    publish_request,
    publishing_mode_request,
    read,
    read_request,
    republish_request,
    rvid,
    service_result,
    subscribe,
    transfer_request,
    triggering_request,
    write,
    write_request,
    write_value,
)
from .conformity.wire import ANSWER_S, Connection, Session, begin, connected
from .conftest import Serving

UNTRUE = (1 << 31) - 1
"""What a hostile count says."""
ON_TIME_S = 1.0


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """The log, in which no exception may stand when the test is over."""
    caplog.set_level(logging.WARNING)
    yield caplog
    assert [record.getMessage() for record in caplog.get_records("call") if record.exc_info] == []


@pytest.fixture
async def endpoint(serving: Serving, log: pytest.LogCaptureFixture) -> AsyncIterator[str]:
    async with serving() as served:
        yield served


@pytest.fixture
async def bystander(endpoint: str) -> AsyncIterator[Session]:
    """A client who does nothing wrong."""
    async with connected(endpoint) as session:
        yield session


async def is_served(session: Session) -> bool:
    return bool((await asyncio.wait_for(read(session, T), ON_TIME_S))[0].StatusCode.is_good())


# ---------------------------------------------------------------- who does not read, or writes slowly


@pytest.fixture
async def running(
    serving: Serving, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """A plant that runs, whose clients are congested after what a test sends in a second."""
    monkeypatch.setattr(transport, "CONGESTED_BYTES", 1 << 16)
    async with serving({"server.lockstep": False}) as served:
        yield served


async def stalled(endpoint: str, lifetime: int) -> Session:
    """Return a client that has 5,000 items and many Publish requests, and does not read any longer."""
    session = await begin(await Connection.open(endpoint))
    writer = session.connection._writer
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
    subscription = (await subscribe(session, 100.0, keep_alive=3, lifetime=lifetime)).SubscriptionId
    created = await monitor_all(session, subscription, *(item(T, place, queue=5) for place in range(5000)))
    assert all(each.StatusCode.is_good() for each in created)
    writer.transport.pause_reading()
    return session


async def longest_pause(session: Session, seconds: float) -> float:
    """Return the longest time between two publications to a client."""
    subscription = (await subscribe(session, 100.0)).SubscriptionId
    await monitor(session, subscription, T, queue=1)
    await publish(session)
    last, longest, until = now(), 0.0, now() + seconds
    while last < until:
        await publish(session)
        longest, last = max(longest, now() - last), now()
    return longest


async def test_a_reader_that_stalls_costs_the_others_nothing_and_learns_what_it_missed(running: str) -> None:
    session = await stalled(running, lifetime=1000)
    waiting = [session.send(publish_request()) for _ in range(90)]
    async with connected(running) as other:
        assert await longest_pause(other, 5.0) < ON_TIME_S
    session.connection._writer.transport.resume_reading()
    overflow = False
    for each in waiting:
        message = (await asyncio.wait_for(each, 2 * ANSWER_S)).Parameters.NotificationMessage
        overflow = any(change.status & OVERFLOW == OVERFLOW for change in changes_of(message))
        if overflow:
            break
    assert overflow
    await session.connection.drop()


async def test_a_reader_that_stalls_is_dropped_in_the_end(running: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "STALLED_S", 0.5)
    session = await stalled(running, lifetime=10)
    waiting = [session.send(publish_request()) for _ in range(90)]
    async with connected(running) as other:
        assert await longest_pause(other, 5.0) < ON_TIME_S
    session.connection._writer.transport.resume_reading()
    await session.connection.lost()
    assert any(isinstance(each.exception(), ConnectionError) for each in waiting)


async def test_a_request_may_come_byte_by_byte(endpoint: str, bystander: Session) -> None:
    async with connected(endpoint) as slow:
        writer, sent = slow.connection._writer, bytearray()
        slow.connection._writer = type("Recorder", (), {"write": staticmethod(sent.extend)})()
        answer = slow.send(read_request(rvid(T)))
        slow.connection._writer = writer
        for byte in sent:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
            assert not answer.done()
        assert await service_result(answer) == "Good"


# ---------------------------------------------------------------- chunks, greetings


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


# ---------------------------------------------------------------- bodies


def requests(subscription: int, monitored: int) -> list[Any]:
    """Return a valid request for each handler of the dispatcher, and some that the library answers."""
    parameters = ua.MonitoringParameters(1, 0.0, deadband(ua.DeadbandType.Absolute, 1.0), 10, True)
    browse = ua.BrowseDescription(NodeId=ua.NodeId(ua.ObjectIds.ObjectsFolder), ResultMask=63)
    element = ua.RelativePathElement(TargetName=ua.QualifiedName("Server", 0))
    path = ua.BrowsePath(ua.NodeId(ua.ObjectIds.ObjectsFolder), ua.RelativePath([element]))
    raw = ua.ReadRawModifiedDetails(False, ua.DateTime(2020, 1, 1), ua.DateTime(2100, 1, 1), 3, False)
    history = ua.HistoryReadParameters(raw, ua.TimestampsToReturn.Both, False, [ua.HistoryReadValueId(rvid(T).NodeId)])
    nested = ua.Variant([ua.Variant([ua.Variant("x")], ua.VariantType.Variant)], ua.VariantType.Variant)
    return [
        read_request(rvid(T), rvid("R101.T", index_range="1:2"), rvid(ua.NodeId(ua.ObjectIds.Server))),
        write_request(write_value(SP, 333.0), write_value(CAUSE, "wetness", STRING), write_value(TC, [1.0, 2.0])),
        write_request(ua.WriteValue(rvid(CAUSE).NodeId, ua.AttributeIds.Value, None, ua.DataValue(nested))),
        publish_request((subscription, 1)),
        republish_request(subscription, 1),
        ua.CreateSubscriptionRequest(Parameters=ua.CreateSubscriptionParameters(1e6, 10, 3, 0, True, 0)),
        modify_subscription_request(subscription, 1000.0),
        publishing_mode_request(True, subscription),
        transfer_request(subscription, initial=True),
        monitor_request(subscription, item(T, filter=deadband(ua.DeadbandType.Percent, 1.0)), item(CAUSE)),
        modify_items_request(subscription, (monitored, parameters)),
        monitoring_mode_request(subscription, ua.MonitoringMode.Sampling, monitored),
        triggering_request(subscription, monitored, add=[monitored], remove=[monitored]),
        delete_items_request(subscription, monitored + 1000),
        delete_subscriptions_request(subscription + 1000),
        ua.BrowseRequest(Parameters=ua.BrowseParameters(NodesToBrowse=[browse])),
        ua.BrowseNextRequest(Parameters=ua.BrowseNextParameters(False, [b"nothing"])),
        ua.TranslateBrowsePathsToNodeIdsRequest(Parameters=ua.TranslateBrowsePathsToNodeIdsParameters([path])),
        ua.RegisterNodesRequest(Parameters=ua.RegisterNodesParameters([rvid(T).NodeId])),
        ua.UnregisterNodesRequest(Parameters=ua.UnregisterNodesParameters([rvid(T).NodeId])),
        ua.CancelRequest(Parameters=ua.CancelParameters(1)),
        call_request("R101.Simulation", "R101.Simulation.Clear", ua.Variant("nothing", STRING)),
        call_request(ua.NodeId(2253), ua.NodeId(11492), ua.Variant(subscription, UINT32)),
        ua.HistoryReadRequest(Parameters=history),
        ua.GetEndpointsRequest(Parameters=ua.GetEndpointsParameters("opc.tcp://x", ["en"], ["y"])),
        ua.FindServersRequest(Parameters=ua.FindServersParameters("opc.tcp://x", ["en"], ["y"])),
    ]


def cut(body: bytes, at: int, chance: random.Random) -> bytes:
    return body[: chance.randrange(at, len(body))]


def flipped(body: bytes, at: int, chance: random.Random) -> bytes:
    garbled = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        garbled[chance.randrange(at, len(body))] = chance.randrange(256)
    return bytes(garbled)


def miscounted(body: bytes, at: int, chance: random.Random) -> bytes:
    place = chance.randrange(at, max(at + 1, len(body) - 4))
    number = chance.choice((-1, -2, -4, UNTRUE, -UNTRUE, 0x7FFF_FFF0))
    return body[:place] + struct.pack("<i", number) + body[place + 4 :]


ROUNDS = 25
PUBLISH = 3
"""Waits for something to say; all other requests are answered at once."""


async def garbled_answer(session: Session, body: bytes) -> asyncio.Future[Any]:
    """Send a body as a message; the future is its answer, or its connection's end."""
    connection = session.connection
    connection._last_id += 1
    answer = connection._expect(connection._last_id, ua.ServiceFault)
    connection._writer.write(
        connection.channel.message_to_binary(body, ua.MessageType.SecureMessage, connection._last_id)
    )
    return answer


@pytest.mark.parametrize("garble", [cut, flipped, miscounted])
async def test_a_garbled_request_is_answered_or_ends_its_connection(
    endpoint: str, bystander: Session, garble: Callable[[bytes, int, random.Random], bytes]
) -> None:
    chance = random.Random(4)
    for place in range(len(requests(0, 0))):
        session = await begin(await Connection.open(endpoint))
        subscription = (await subscribe(session, 10_000.0)).SubscriptionId
        monitored = (await monitor(session, subscription, T)).MonitoredItemId
        request = requests(subscription, monitored)[place]
        request.RequestHeader.AuthenticationToken = session.token
        body = struct_to_binary(request)
        at = body.index(session.token.Identifier) + len(session.token.Identifier)
        for _ in range(ROUNDS):
            if session.connection._task.done():
                session.connection = await Connection.open(endpoint)
                assert await session.activate() == "Good"
            answer = await garbled_answer(session, garble(body, at, chance))
            if place == PUBLISH:
                await is_served(session)
            else:
                with contextlib.suppress(ConnectionError):
                    await asyncio.wait_for(answer, ANSWER_S)
        assert await is_served(bystander)
        await session.connection.drop()


def replaced(request: Any, session: Session, old: bytes, new: bytes) -> bytes:
    """Return the body of a request in which some bytes, which must be there once, are others."""
    request.RequestHeader.AuthenticationToken = session.token
    body = struct_to_binary(request)
    assert body.count(old) == 1
    return body.replace(old, new)


async def fault(session: Session, body: bytes) -> str:
    answer = await asyncio.wait_for(await garbled_answer(session, body), ANSWER_S)
    return str(answer.ResponseHeader.ServiceResult.name)


async def test_a_string_of_negative_length_is_not_read_over_and_over(endpoint: str, bystander: Session) -> None:
    request = ua.FindServersRequest(Parameters=ua.FindServersParameters("", ["locale"], []))
    endless = struct.pack("<ii", UNTRUE, -4)
    body = replaced(request, bystander, struct.pack("<ii", 1, 6) + b"locale", endless)
    assert await fault(bystander, body) == "BadDecodingError"
    assert await is_served(bystander)


@pytest.mark.parametrize(
    "variant",
    [
        struct.pack("<Bi", 0x80, UNTRUE),
        struct.pack("<Bi", 0x8B, UNTRUE),
        struct.pack("<Bi", 0x98, 1) * 2000,
        struct.pack("<BiIi", 0xC7, 1, 7, 5000) + struct.pack("<i", UNTRUE) * 5000,
        struct.pack("<BiIii", 0xC7, 1, 7, 1, -1),
    ],
    ids=["nulls", "doubles", "nested", "dimensions", "a dimension below 0"],
)
async def test_a_variant_that_claims_more_than_it_has_is_refused(
    endpoint: str, bystander: Session, variant: bytes
) -> None:
    plain = struct.pack("<Bi", 12, 5) + b"water"
    body = replaced(write_request(write_value(CAUSE, "water", STRING)), bystander, plain, variant)
    assert await fault(bystander, body) == "BadDecodingError"
    assert await is_served(bystander)


@pytest.mark.parametrize(
    "request_",
    [read_request(rvid(T)), write_request(write_value(SP, 333.0)), monitor_request(1, item(T))],
    ids=lambda request: type(request).__name__,
)
async def test_an_array_is_not_believed_to_be_as_long_as_it_says(bystander: Session, request_: Any) -> None:
    one_node = struct.pack("<i", 1) + b"\x03\x02\x00"
    body = replaced(request_, bystander, one_node, struct.pack("<i", UNTRUE) + one_node[4:])
    assert await fault(bystander, body) in ("BadDecodingError", "BadTooManyOperations")
    assert await is_served(bystander)


async def test_acknowledgements_are_not_believed_to_be_as_many_as_they_say(bystander: Session) -> None:
    await subscribe(bystander)
    many = struct.pack("<ii", UNTRUE, 4711)
    body = replaced(publish_request((4711, 1)), bystander, struct.pack("<ii", 1, 4711), many)
    assert await fault(bystander, body) == "BadDecodingError"


async def test_null_arrays_are_empty_ones(endpoint: str, bystander: Session) -> None:
    subscription = (await subscribe(bystander)).SubscriptionId
    first, second = [(await monitor(bystander, subscription, T)).MonitoredItemId for _ in range(2)]
    link = ua.SetTriggeringRequest(Parameters=ua.SetTriggeringParameters(subscription, first, [second], None))
    answer = await bystander.call(link)
    assert [each.name for each in answer.Parameters.AddResults] == ["Good"]
    nothing: list[Any] = [
        ua.SetTriggeringRequest(Parameters=ua.SetTriggeringParameters(subscription, first, None, None)),
        ua.DeleteMonitoredItemsRequest(Parameters=ua.DeleteMonitoredItemsParameters(subscription, None)),
        ua.SetMonitoringModeRequest(Parameters=ua.SetMonitoringModeParameters(subscription, 2, None)),
        ua.SetPublishingModeRequest(Parameters=ua.SetPublishingModeParameters(True, None)),
        ua.TransferSubscriptionsRequest(Parameters=ua.TransferSubscriptionsParameters(None, True)),
        ua.DeleteSubscriptionsRequest(Parameters=ua.DeleteSubscriptionsParameters(None)),
    ]
    assert [await bystander.refused(request) for request in nothing] == ["BadNothingToDo"] * len(nothing)


@pytest.mark.parametrize("text", [b"\xff\xfe\xfd", b"x" * 70_000], ids=["not UTF-8", "too long"])
async def test_a_string_that_nobody_can_be_sent_is_not_written(endpoint: str, bystander: Session, text: bytes) -> None:
    subscription = (await subscribe(bystander)).SubscriptionId
    await monitor(bystander, subscription, CAUSE)
    await publish(bystander)
    value = text.decode(errors="surrogateescape")
    assert [await write(bystander, write_value(CAUSE, value, STRING))] == [["BadOutOfRange"]]
    assert (await read(bystander, CAUSE))[0].Value.Value != value


# ---------------------------------------------------------------- sessions


@pytest.mark.parametrize("timeout_ms", [math.nan, -1.0, math.inf])
async def test_any_session_timeout_is_revised_to_one_that_can_be_kept(endpoint: str, timeout_ms: float) -> None:
    async with connected(endpoint, timeout_ms=timeout_ms) as session:
        assert 1000.0 <= session.created.RevisedSessionTimeout <= 3_600_000.0


async def test_sessions_beyond_the_limit_are_refused_but_those_never_activated_give_way(
    serving: Serving, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opcua_server.server.ServerLimits", lambda: limits.ServerLimits(max_sessions=3))
    async with serving() as served, connected(served) as session:
        connection = session.connection
        idle = [await Session.create(connection) for _ in range(4)]
        assert await service_result(idle[0].send(read_request(rvid(T)))) == "BadSessionIdInvalid"
        assert [await each.activate() for each in idle[2:]] == ["Good", "Good"]
        with pytest.raises(ua.uaerrors.BadTooManySessions):
            await Session.create(connection)
        await idle[3].close()
        assert await (await Session.create(connection)).activate() == "Good"
        assert await is_served(session)


@pytest.mark.parametrize("is_activated", [True, False])
async def test_a_session_that_is_abandoned_ends_with_its_subscriptions(
    serving: Serving, log: pytest.LogCaptureFixture, is_activated: bool
) -> None:
    async with serving() as served, connected(served) as session:
        gone = await Session.create(session.connection, timeout_ms=1.0)
        if is_activated:
            assert await gone.activate() == "Good"
            await subscribe(gone)
        await asyncio.sleep(gone.created.RevisedSessionTimeout / 1000.0 + 2.0)
        assert await service_result(gone.send(read_request(rvid(T)))) == "BadSessionIdInvalid"
