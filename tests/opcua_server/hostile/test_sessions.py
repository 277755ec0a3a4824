"""Sessions without end, too many of them, and sessions that end while they are at work."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import timedelta

import pytest
from asyncua import ua

from ..conformity.services import (
    DOUBLE,
    SERVER,
    UINT32,
    T,
    call_request,
    read,
    read_request,
    rvid,
    service_result,
    step,
    subscribe,
    transfer,
)
from ..conformity.wire import Connection, Session, begin, connected
from ..conftest import Serving
from .sending import is_served


@pytest.mark.parametrize("timeout_ms", [math.nan, -1.0, math.inf])
async def test_any_session_timeout_is_revised_to_one_that_can_be_kept(endpoint: str, timeout_ms: float) -> None:
    async with connected(endpoint, timeout_ms=timeout_ms) as session:
        assert 1000.0 <= session.created.RevisedSessionTimeout <= 3_600_000.0


async def test_sessions_beyond_the_limit_are_refused_but_those_never_activated_give_way(
    serving: Serving, log: pytest.LogCaptureFixture
) -> None:
    limits = {"server.limits.sessions": 3, "server.limits.sessions_per_user": 3}
    async with serving(limits) as served, connected(served) as session:
        connection = session.connection
        idle = [await Session.create(connection) for _ in range(4)]
        assert await service_result(idle[0].send(read_request(rvid(T)))) == "BadSessionIdInvalid"
        assert [await each.activate() for each in idle[2:]] == ["Good", "Good"]
        with pytest.raises(ua.uaerrors.BadTooManySessions):
            await Session.create(connection)
        await idle[3].close()
        assert await (await Session.create(connection)).activate() == "Good"
        assert await is_served(session)


async def test_sessions_that_are_abandoned_end_and_leave_their_subscriptions(bystander: Session) -> None:
    used, unused = [await Session.create(bystander.connection, timeout_ms=1.0) for _ in range(2)]
    assert await used.activate() == "Good"
    subscription = (await subscribe(used, 100_000.0)).SubscriptionId
    await asyncio.sleep(used.created.RevisedSessionTimeout / 1000.0 + 2.0)
    for gone in (used, unused):
        assert await service_result(gone.send(read_request(rvid(T)))) == "BadSessionIdInvalid"
    assert (await transfer(bystander, subscription))[0].StatusCode.is_good()


STEP = ("Plant.Simulation", "Plant.Simulation.Step")


def step_request(seconds: float) -> ua.CallRequest:
    return call_request(*STEP, ua.Variant(seconds, DOUBLE))


async def test_a_session_may_be_closed_while_its_call_is_at_work(
    endpoint: str, bystander: Session, said: Callable[[], str]
) -> None:
    async with connected(endpoint) as session:
        subscription = (await subscribe(session)).SubscriptionId
        request = step_request(300.0)
        request.Parameters.MethodsToCall += call_request(
            SERVER, ua.NodeId(ua.ObjectIds.Server_GetMonitoredItems), ua.Variant(subscription, UINT32)
        ).Parameters.MethodsToCall
        call = session.send(request)
        assert await is_served(session)
        assert not call.done()
        await session.close()
        assert await is_served(bystander)
        assert await service_result(call) == "BadSessionClosed"
        await step(bystander)
    assert " ERROR " not in said()


async def test_a_call_ends_with_its_connection_and_no_longer_holds_plant_time(
    endpoint: str, bystander: Session, said: Callable[[], str]
) -> None:
    session = await begin(await Connection.open(endpoint))
    before = (await read(bystander, T))[0].SourceTimestamp
    call = session.send(step_request(86_400.0))
    while (await read(bystander, T))[0].SourceTimestamp == before:
        assert not call.done()
    await session.connection.drop()
    assert isinstance(call.exception(), ConnectionError)
    await step(bystander)
    assert (await read(bystander, T))[0].SourceTimestamp - before < timedelta(days=1)
    assert await is_served(bystander)
    assert " ERROR " not in said()


async def test_calls_that_wait_for_their_turn_end_with_their_connection(
    endpoint: str, bystander: Session, said: Callable[[], str]
) -> None:
    session = await begin(await Connection.open(endpoint))
    calls = [session.send(step_request(86_400.0)) for _ in range(5)]
    assert await is_served(session)
    await session.connection.drop()
    assert all(isinstance(call.exception(), ConnectionError) for call in calls)
    await step(bystander)
    assert " ERROR " not in said()
