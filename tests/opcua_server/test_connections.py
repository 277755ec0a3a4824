"""Connections without a session do not stay, and give way to those who come."""

from __future__ import annotations

import asyncio

import pytest
from asyncua import Client

from opcua_server import transport

from .conformity.services import read
from .conformity.wire import ANSWER_S, Connection, Session, connected
from .conftest import Serving

SOON_S = 0.2


async def test_a_connection_is_closed_when_its_session_is(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "UNUSED_S", SOON_S)
    async with serving() as endpoint, connected(endpoint) as other:
        greeted = await Connection.open(endpoint)
        session = await Session.create(await Connection.open(endpoint))
        await session.activate()
        await asyncio.wait_for(greeted.lost(), ANSWER_S)
        await read(session, "R101.T")
        await session.close()
        await asyncio.wait_for(session.connection.lost(), ANSWER_S)
        await read(other, "R101.T")


async def test_the_oldest_without_a_session_gives_way(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opcua_server.server.MOST_CONNECTIONS", 3)
    async with serving() as endpoint, connected(endpoint) as used:
        oldest, newest = await Connection.open(endpoint), await Connection.open(endpoint)
        async with Client(endpoint) as client:
            await asyncio.wait_for(oldest.lost(), ANSWER_S)
            assert await client.get_node("ns=2;s=R101.T").read_value() > 0.0
            session = await Session.create(newest)
            assert await session.activate() == "Good"
            await read(used, "R101.T")
            with pytest.raises((ConnectionError, asyncio.TimeoutError, AssertionError)):
                await Connection.open(endpoint)
