"""Sessions without end, too many of them, and sessions that end while they are at work."""

from __future__ import annotations

import asyncio
import math

import pytest
from asyncua import ua

from opcua_server import limits

from ..conformity.services import (
    T,
    read_request,
    rvid,
    service_result,
    subscribe,
    transfer,
)
from ..conformity.wire import Session, connected
from ..conftest import Serving
from .sending import is_served


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


async def test_sessions_that_are_abandoned_end_with_their_subscriptions(bystander: Session) -> None:
    used, unused = [await Session.create(bystander.connection, timeout_ms=1.0) for _ in range(2)]
    assert await used.activate() == "Good"
    subscription = (await subscribe(used, 100_000.0)).SubscriptionId
    await asyncio.sleep(used.created.RevisedSessionTimeout / 1000.0 + 2.0)
    for gone in (used, unused):
        assert await service_result(gone.send(read_request(rvid(T)))) == "BadSessionIdInvalid"
    assert (await transfer(bystander, subscription))[0].StatusCode.name == "BadSubscriptionIdInvalid"
