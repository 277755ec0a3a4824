"""A connection that brings very many requests at once does not keep the others from their turn, and is served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua

from ..conformity.services import BOTH, T, node, read, read_request, rvid, step
from ..conformity.wire import ANSWER_S, ANYBODY, Application, Connection, Session, begin, connected
from .sending import ON_TIME_S, is_served, unsent

STATUS = ua.NodeId(ua.ObjectIds.Server_ServerStatus)
BEGINNING, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
FLOOD = 120
"""Requests of some milliseconds each, less than a turn; all together small enough to be received at once."""


def browse_request() -> ua.BrowseRequest:
    """Ten times the fifty references of a folder."""
    wanted = ua.BrowseDescription(NodeId=node("Tags.R101"), ResultMask=0)
    return ua.BrowseRequest(Parameters=ua.BrowseParameters(NodesToBrowse=[wanted] * 10))


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "signed and encrypted"])
async def test_a_flood_of_requests_is_interrupted_for_the_others(
    endpoint: str, bystander: Session, application: Application, secured: bool
) -> None:
    async with connected(endpoint, application if secured else ANYBODY) as session:
        answers, octets = unsent(session, *(browse_request() for _ in range(FLOOD)))
        assert len(octets) < 60_000
        session.connection._writer.write(octets)
        await answers[0]
        await read(bystander, T)
        before = sum(answer.done() for answer in answers)
        await asyncio.wait(answers)
        assert all(answer.result().ResponseHeader.ServiceResult.is_good() for answer in answers)
        assert before < FLOOD / 2


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "signed and encrypted"])
@pytest.mark.parametrize("first", [[], [ua.FindServersRequest()]], ids=["alone", "after one that needs no session"])
async def test_many_requests_at_once_are_all_answered(
    endpoint: str, application: Application, secured: bool, first: list[ua.FindServersRequest]
) -> None:
    client = application if secured else ANYBODY
    session = await begin(await Connection.open(endpoint, client), client)
    answers, octets = unsent(session, *first, *(read_request(rvid(T)) for _ in range(1500)))
    session.connection._writer.write(octets)
    await asyncio.wait(answers, timeout=2 * ANSWER_S)
    await session.connection.drop()
    assert all(answer.done() and answer.exception() is None for answer in answers)


def history_request(count: int) -> ua.HistoryReadRequest:
    details = ua.ReadRawModifiedDetails(StartTime=BEGINNING, EndTime=END, NumValuesPerNode=0)
    nodes = [ua.HistoryReadValueId(NodeId=node(T)) for _ in range(count)]
    return ua.HistoryReadRequest(Parameters=ua.HistoryReadParameters(details, BOTH, False, nodes))


@pytest.mark.parametrize(
    "make",
    [lambda: history_request(100), lambda: read_request(*[rvid(STATUS)] * 10_000)],
    ids=["HistoryRead", "Read of structures"],
)
async def test_large_requests_of_who_may_ask_them_leave_the_others_their_turn(
    endpoint: str, bystander: Session, make: Callable[[], Any]
) -> None:
    async def ask() -> list[Any]:
        async with connected(endpoint) as session:
            return await asyncio.gather(*(session.send(make()) for _ in range(4)))

    for _ in range(2):
        await step(bystander, 300.0)
    # In a loop of its own: to decode the answers takes longer than to make them.
    asking = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(ask())))
    longest = 0.0
    while not asking.done():
        asked = time.monotonic()
        assert await is_served(bystander)
        longest = max(longest, time.monotonic() - asked)
    assert all(answer.ResponseHeader.ServiceResult.is_good() for answer in await asking)
    assert longest < ON_TIME_S
