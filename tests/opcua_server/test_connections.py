"""Connections without a session do not stay, and give way to those who come."""

from __future__ import annotations

import asyncio

import pytest
from asyncua import Client

from .conformity.services import read, read_request, rvid
from .conformity.wire import ANSWER_S, Connection, Session, begin, connected
from .conftest import Serving

SOON_S = 1.0


async def test_a_connection_is_closed_when_its_session_is(serving: Serving) -> None:
    async with serving({"server.limits.handshake_s": SOON_S}) as endpoint, connected(endpoint) as other:
        greeted = await Connection.open(endpoint)
        session = await Session.create(await Connection.open(endpoint))
        await session.activate()
        await asyncio.wait_for(greeted.lost(), ANSWER_S)
        await read(session, "R101.T")
        await session.close()
        await asyncio.wait_for(session.connection.lost(), ANSWER_S)
        await read(other, "R101.T")


async def test_the_oldest_without_a_session_gives_way(serving: Serving) -> None:
    async with serving({"server.limits.connections": 10}) as endpoint, connected(endpoint) as used:
        others = [await begin(await Connection.open(endpoint)) for _ in range(7)]
        oldest, newest = await Connection.open(endpoint), await Connection.open(endpoint)
        async with Client(endpoint) as client:
            await asyncio.wait_for(oldest.lost(), ANSWER_S)
            assert await client.get_node("ns=2;s=R101.T").read_value() > 0.0
            session = await Session.create(newest)
            assert await session.activate() == "Good"
            await read(used, "R101.T")
            assert [await each.refused(read_request(rvid("R101.T"))) for each in others] == ["Good"] * 7
            with pytest.raises((ConnectionError, asyncio.TimeoutError, AssertionError)):
                await Connection.open(endpoint)
