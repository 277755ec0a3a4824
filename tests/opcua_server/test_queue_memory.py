"""Subscriptions that nobody reads: memory is bounded, and the greedy pay for it."""

from __future__ import annotations

import asyncio

import pytest
from asyncua import ua

from opcua_server.monitoring import engine

from .conformity.services import (
    OVERFLOW,
    SCAN_S,
    SP,
    changes,
    item,
    monitor,
    monitor_all,
    publishing_mode_request,
    put,
    subscribe,
)
from .conformity.wire import connected
from .conftest import Serving


async def test_of_too_much_that_waits_the_greediest_loses_the_older_half(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "MOST_WAITING", 40)
    monkeypatch.setattr(engine, "BOUND_S", 0.0)
    async with serving() as endpoint, connected(endpoint) as modest, connected(endpoint) as greedy:
        await put(modest, SP, 320.0)
        own = {session: (await subscribe(session, enabled=False)).SubscriptionId for session in (modest, greedy)}
        for session, subscription in own.items():
            await monitor(session, subscription, SP, queue=1000)
        kept_alone = [item(SP, 2, queue=1000, mode=ua.MonitoringMode.Sampling), item(SP, 3, queue=1000)]
        await monitor_all(greedy, own[greedy], *kept_alone)
        for value in range(321, 334):
            await put(modest, SP, float(value))
        await asyncio.sleep(2 * SCAN_S)
        assert f"subscription {own[greedy]} is not read" in caplog.text
        assert f"subscription {own[modest]} is not read" not in caplog.text
        for session, subscription in own.items():
            await session.call(publishing_mode_request(True, subscription))
        assert [each.value for each in await changes(modest)] == [float(value) for value in range(320, 334)]
        got = [each for each in await changes(greedy) if each.handle == 1]
        assert got[0].value > 320.0
        assert got[0].status == OVERFLOW
        assert got[-1].value == 333.0
