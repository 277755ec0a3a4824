"""Requests that take long, or too much, and handlers that fail: the others are served, and the log says whose fault."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from asyncua import ua

from opcua_server import request
from opcua_server.services.attribute import AttributeService
from opcua_server.services.subscription import MOST_ACKNOWLEDGEMENTS

from .conformity.services import (
    SERVER,
    UINT32,
    T,
    call_request,
    item,
    monitor_all,
    node,
    publish_request,
    read,
    read_request,
    rvid,
    subscribe,
)
from .conformity.wire import ANSWER_S, Session, connected
from .conftest import Serving

GET_MONITORED_ITEMS = ua.NodeId(ua.ObjectIds.Server_GetMonitoredItems)


@pytest.fixture
async def session(serving: Serving) -> AsyncIterator[Session]:
    async with serving() as endpoint, connected(endpoint) as opened:
        yield opened


def browse_request(*names: str) -> ua.BrowseRequest:
    everything = [ua.BrowseDescription(node(name), ua.BrowseDirection.Both, ua.NodeId(), True, 0, 63) for name in names]
    return ua.BrowseRequest(Parameters=ua.BrowseParameters(NodesToBrowse=everything))


async def test_a_long_browse_lets_others_have_their_turn(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "TURN_S", 0.0)
    names = ["R101", "Plant.Area1", "nowhere"] * 100
    at_once = [(await session.call(browse_request(name))).Results[0] for name in names[:3]]
    long, short = session.send(browse_request(*names)), session.send(read_request(rvid(T)))
    done, _ = await asyncio.wait([long, short], timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
    assert short in done
    assert long not in done
    results = (await asyncio.wait_for(long, ANSWER_S)).Results
    assert len(results) == 300
    assert results[:3] == at_once


async def test_results_larger_than_a_message_are_refused_before_they_are_made(
    serving: Serving,
) -> None:
    small = {"server.limits.message_bytes": 65_536, "server.limits.byte_string_bytes": 65_536}
    async with serving(small) as endpoint, connected(endpoint) as session:
        subscription = (await subscribe(session)).SubscriptionId
        await monitor_all(session, subscription, *[item(T)] * 20)
        wanted = call_request(SERVER, GET_MONITORED_ITEMS, ua.Variant(subscription, UINT32))
        assert (await session.call(wanted)).Results[0].StatusCode.is_good()
        wanted.Parameters.MethodsToCall *= 1000
        assert await session.refused(wanted) == "BadResponseTooLarge"


async def test_too_many_acknowledgements_are_refused(session: Session) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    wanted = publish_request(*[(subscription, 1)] * (MOST_ACKNOWLEDGEMENTS + 1))
    assert await session.refused(wanted) == "BadTooManyOperations"


async def test_a_handler_that_fails_is_not_taken_for_a_client_that_does(
    session: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_arguments: object) -> bytes:
        message = "a fault of ours"
        raise ValueError(message)

    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR):
        patched.setattr(AttributeService, "read", fail)
        assert await session.refused(read_request(rvid(T))) == "BadInternalError"
    assert "a fault of ours" in caplog.text
    assert (await read(session, T))[0].StatusCode.is_good()
