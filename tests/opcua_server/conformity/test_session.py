"""Session service set: tokens, channels, Cancel, coming back (OPC 10000-4 v1.05 §5.7, §6.7)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asyncua import ua

from .conftest import Dial
from .services import (
    SP,
    T,
    answer,
    changes,
    monitor,
    now,
    publish,
    publish_request,
    put,
    read,
    read_request,
    rvid,
    service_result,
    subscribe,
    values,
    write_request,
    write_value,
)
from .wire import ANSWER_S, Session, begin, connected

STRANGE = ua.NodeId(ua.ByteString(b"not anybody's authentication tok"), ua.Int16(0))
GONE = ("BadSessionIdInvalid", "BadSessionClosed")


def cancel_request(handle: int) -> ua.CancelRequest:
    return ua.CancelRequest(Parameters=ua.CancelParameters(handle))


# ---------------------------------------------------------------- Cancel


async def test_cancel_ends_the_requests_of_that_handle_and_counts_them(session: Session) -> None:
    await subscribe(session, 1000.0, keep_alive=100)
    await publish(session)
    wanted = [session.send(publish_request(), handle=4711) for _ in range(2)]
    kept = session.send(publish_request(), handle=4712)
    assert (await session.call(cancel_request(4711))).Parameters.CancelCount == 2
    assert [await service_result(each) for each in wanted] == ["BadRequestCancelledByClient"] * 2
    assert not kept.done()


async def test_cancel_of_nothing_counts_nothing(session: Session) -> None:
    assert (await session.call(cancel_request(4711))).Parameters.CancelCount == 0


async def test_cancel_does_not_reach_another_session(session: Session, other: Session) -> None:
    await subscribe(session, 1000.0, keep_alive=100)
    await publish(session)
    mine = session.send(publish_request(), handle=4711)
    assert (await other.call(cancel_request(4711))).Parameters.CancelCount == 0
    await read(session, SP)
    assert not mine.done()


# ---------------------------------------------------------------- tokens and channels


@pytest.mark.parametrize("token", [STRANGE, ua.NodeId(), ua.NodeId(1)], ids=["strange", "null", "number"])
@pytest.mark.parametrize(
    "request_",
    [read_request(rvid(SP)), write_request(write_value(SP, 333.0)), publish_request(), ua.CloseSessionRequest()],
    ids=lambda request: type(request).__name__,
)
async def test_a_wrong_token_is_refused(session: Session, token: ua.NodeId, request_: Any) -> None:
    refused = await service_result(session.connection.send(request_, token))
    assert refused == "BadSessionIdInvalid"
    assert (await read(session, SP))[0].StatusCode.is_good()


async def test_tokens_cannot_be_guessed(session: Session, other: Session) -> None:
    for each in (session, other):
        assert each.token.NodeIdType in (ua.NodeIdType.ByteString, ua.NodeIdType.Guid)
        assert each.token != each.created.SessionId


async def test_a_session_is_used_over_its_own_channel_only(session: Session, other: Session) -> None:
    refused = await service_result(other.connection.send(read_request(rvid(SP)), session.token))
    assert refused in ("BadSecureChannelIdInvalid", "BadSessionIdInvalid")
    assert (await read(session, SP))[0].StatusCode.is_good()


async def test_a_session_that_is_not_activated_can_do_nothing(dial: Dial) -> None:
    connection = await dial()
    created = await Session.create(connection)
    refused = await created.refused(read_request(rvid(SP)))
    assert refused == "BadSessionNotActivated"


async def test_without_a_session_there_is_no_service(dial: Dial) -> None:
    connection = await dial()
    refused = await service_result(connection.send(read_request(rvid(SP))))
    assert refused == "BadSessionIdInvalid"


async def test_several_sessions_share_a_connection(session: Session) -> None:
    second = await Session.create(session.connection)
    assert await second.activate() == "Good"
    mine = (await subscribe(session)).SubscriptionId
    await monitor(session, mine, SP)
    assert (await read(second, SP))[0].StatusCode.is_good()
    assert await service_result(second.send(publish_request())) == "BadNoSubscription"
    await second.close()
    assert len(await changes(session)) == 1
    assert await second.refused(read_request(rvid(SP))) in GONE


async def test_a_closed_session_is_gone(dial: Dial) -> None:
    session = await begin(await dial())
    await session.close()
    refused = await session.refused(read_request(rvid(SP)))
    activated = await session.activate()
    assert refused in GONE
    assert activated in GONE


async def test_closing_ends_the_waiting_publish_requests(dial: Dial) -> None:
    session = await begin(await dial())
    await subscribe(session, 1000.0, keep_alive=100)
    await publish(session)
    waiting = session.send(publish_request())
    await session.close()
    refused = await service_result(waiting)
    assert refused in ("BadSessionClosed", "BadNoSubscription")


# ---------------------------------------------------------------- services


async def test_a_service_that_is_not_offered_is_refused_as_such(session: Session) -> None:
    assert await session.refused(ua.QueryFirstRequest()) == "BadServiceUnsupported"


async def test_requests_are_answered_while_others_wait(session: Session) -> None:
    await subscribe(session, 1000.0, keep_alive=100)
    await publish(session)
    waiting = [session.send(publish_request()) for _ in range(3)]
    reads = [session.send(read_request(rvid(SP))) for _ in range(20)]
    handles = [(await answer(each)).ResponseHeader.RequestHandle for each in reads]
    assert handles == sorted(handles)
    assert not any(each.done() for each in waiting)


@pytest.mark.parametrize("asked_ms", [0.0, 1.0, -5.0, 1e15])
async def test_a_session_timeout_is_revised(endpoint: str, asked_ms: float) -> None:
    async with connected(endpoint, timeout_ms=asked_ms) as session:
        assert 0.0 < session.created.RevisedSessionTimeout <= 86_400_000.0


async def test_publishing_keeps_a_session_alive(endpoint: str) -> None:
    async with connected(endpoint, timeout_ms=1_000.0) as session:
        await subscribe(session, 200.0)
        until = now() + min(2.5 * session.created.RevisedSessionTimeout / 1000, 12.0)
        while now() < until:
            await publish(session)
        assert (await read(session, SP))[0].StatusCode.is_good()


# ---------------------------------------------------------------- coming back


async def test_a_session_goes_on_over_a_new_connection_and_nothing_is_lost(dial: Dial, other: Session) -> None:
    session = await begin(await dial())
    await put(session, SP, 320.0)
    await monitor(session, (await subscribe(session)).SubscriptionId, SP)
    await changes(session)
    await session.connection.drop()
    await put(other, SP, 321.0, 322.0)
    assert await session.activate(await dial()) == "Good"
    found = await values(session)
    await session.close()
    assert found == [321.0, 322.0]


async def test_a_session_without_subscriptions_outlives_its_connection_too(dial: Dial) -> None:
    session = await begin(await dial())
    await session.connection.drop()
    assert await session.activate(await dial()) == "Good"
    found = await read(session, SP)
    await session.close()
    assert found[0].StatusCode.is_good()


async def test_a_session_moves_while_its_old_connection_still_stands(dial: Dial) -> None:
    session = await begin(await dial())
    old = session.connection
    await put(session, SP, 320.0)
    await monitor(session, (await subscribe(session)).SubscriptionId, SP)
    await changes(session)
    assert await session.activate(await dial()) == "Good"
    await put(session, SP, 321.0)
    found = await values(session)
    refused = await service_result(old.send(read_request(rvid(SP)), session.token))
    alive = (await read(session, SP))[0].StatusCode.is_good()
    await session.close()
    assert found == [321.0]
    assert refused in ("BadSecureChannelIdInvalid", "BadSessionIdInvalid")
    assert alive


async def test_a_broken_connection_takes_no_other_with_it(dial: Dial, other: Session) -> None:
    await put(other, SP, 320.0)
    await monitor(other, (await subscribe(other)).SubscriptionId, SP)
    broken = [await begin(await dial()) for _ in range(5)]
    for session in broken:
        await monitor(session, (await subscribe(session)).SubscriptionId, SP)
    await asyncio.gather(*(session.connection.drop() for session in broken))
    await put(other, SP, 321.0)
    assert await values(other) == [320.0, 321.0]


async def test_an_activation_that_is_refused_leaves_the_session_where_it_is(session: Session, dial: Dial) -> None:
    """§5.7.3: who knows a token and no user's password gets nothing by it."""
    other = await dial()
    token = ua.UserNameIdentityToken(PolicyId="username", UserName="nobody", Password=b"wrong")
    request = ua.ActivateSessionRequest(Parameters=ua.ActivateSessionParameters(UserIdentityToken=token))
    refused = await asyncio.wait_for(other.send(request, session.token), ANSWER_S)
    assert refused.ResponseHeader.ServiceResult.is_bad()
    answer = await asyncio.wait_for(other.send(read_request(rvid(T)), session.token), ANSWER_S)
    assert answer.ResponseHeader.ServiceResult.name == "BadSessionIdInvalid"
    assert (await read(session, T))[0].StatusCode.is_good()
