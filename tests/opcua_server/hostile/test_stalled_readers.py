"""Clients that have much to read and do not read it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from opcua_server import processor, transport

from ..conformity.services import (
    OVERFLOW,
    T,
    changes_of,
    item,
    monitor,
    monitor_all,
    now,
    publish,
    publish_request,
    subscribe,
)
from ..conformity.wire import ANSWER_S, Connection, Session, begin, connected
from ..conftest import Serving
from .sending import ON_TIME_S


@pytest.fixture
async def running(
    serving: Serving, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """A plant that runs, whose clients are congested after what a test sends in a second."""
    for module in (transport, processor):
        monkeypatch.setattr(module, "CONGESTED_BYTES", 1 << 16)
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
    await session.connection.lost(6 * ANSWER_S)  # megabytes are still on their way, and take long to be decoded
    assert any(isinstance(each.exception(), ConnectionError) for each in waiting)
