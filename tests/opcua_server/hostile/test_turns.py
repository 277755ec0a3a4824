"""A connection that brings very many requests at once does not keep the others from their turn."""

from __future__ import annotations

import asyncio

from asyncua import ua

from ..conformity.services import T, node, read
from ..conformity.wire import Session, connected
from .sending import unsent

FLOOD = 120
"""Requests of some milliseconds each, less than a turn; all together small enough to be received at once."""


def browse_request() -> ua.BrowseRequest:
    """Ten times the fifty references of a folder."""
    wanted = ua.BrowseDescription(NodeId=node("Tags.R101"), ResultMask=0)
    return ua.BrowseRequest(Parameters=ua.BrowseParameters(NodesToBrowse=[wanted] * 10))


async def test_a_flood_of_requests_is_interrupted_for_the_others(endpoint: str, bystander: Session) -> None:
    async with connected(endpoint) as session:
        answers, octets = unsent(session, *(browse_request() for _ in range(FLOOD)))
        assert len(octets) < 60_000
        session.connection._writer.write(octets)
        await answers[0]
        await read(bystander, T)
        before = sum(answer.done() for answer in answers)
        await asyncio.wait(answers)
        assert all(answer.result().ResponseHeader.ServiceResult.is_good() for answer in answers)
        assert before < FLOOD / 2
