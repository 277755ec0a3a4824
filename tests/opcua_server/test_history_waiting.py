"""HistoryReads that take long: others are answered meanwhile, and nothing is read for who waits no longer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest
from asyncua import ua
from numpy.typing import NDArray

from plant.clock import TICKS_PER_SECOND
from runtime.opcua_link.filetime import FileTime
from timeseries.spans import LONG, Spans

from .conformity.services import BOTH, T, node, step
from .conformity.wire import ANSWER_S, Connection, Session, begin, connected
from .conftest import Serving

runs_around = Spans.runs_around
LOOK_S = 0.02
FAR_TIMES = 200
"""Some seconds long."""


class Looks:
    """Looks for each time alone, and takes long for it."""

    def __init__(self) -> None:
        self.count = 0

    def around(self, spans: Spans, times: NDArray[np.int64]) -> Iterator[Any]:
        for place in range(len(times)):
            self.count += 1
            time.sleep(LOOK_S)
            for _, series in runs_around(spans, times[place : place + 1]):
                yield np.array([place]), series


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    looks = Looks()
    monkeypatch.setattr(Spans, "runs_around", lambda spans, times: looks.around(spans, times))
    return looks


@pytest.fixture
async def endpoint(serving: Serving) -> AsyncIterator[str]:
    async with serving({"plant.reactors": 1}) as endpoint:
        yield endpoint


def request(count: int) -> ua.HistoryReadRequest:
    times = [FileTime.of(1000 * TICKS_PER_SECOND + place * 2 * LONG) for place in range(count)]
    nodes = [ua.HistoryReadValueId(NodeId=node(T))]
    return ua.HistoryReadRequest(
        Parameters=ua.HistoryReadParameters(ua.ReadAtTimeDetails(times, True), BOTH, False, nodes)
    )


async def nothing_is_looked_for(looks: Looks) -> None:
    """Wait until it is so, which it would be in the end anyway."""
    before = -1
    while before < looks.count:
        before = looks.count
        await asyncio.sleep(10 * LOOK_S)
    assert looks.count < FAR_TIMES


async def test_others_are_answered_while_a_node_is_read(endpoint: str, looks: Looks) -> None:
    async with connected(endpoint) as long, connected(endpoint) as short:
        await step(short)
        asked = long.send(request(FAR_TIMES))
        await asyncio.sleep(0.1)
        for _ in range(3):
            await short.call(request(1))
        assert looks.count < FAR_TIMES
        (result,) = (await asyncio.wait_for(asked, 4 * ANSWER_S)).Results
        assert len(result.HistoryData.DataValues) == FAR_TIMES


async def test_who_waits_no_longer_is_told_so_and_nothing_more_is_read(endpoint: str, looks: Looks) -> None:
    async with connected(endpoint) as session:
        asked = await asyncio.wait_for(session.send(request(FAR_TIMES), hint_ms=200), ANSWER_S)
        assert asked.ResponseHeader.ServiceResult.name == "BadTimeout"
        await nothing_is_looked_for(looks)
        assert (await session.call(request(1))).Results[0].StatusCode.is_good()


async def test_nothing_more_is_read_for_who_has_gone(endpoint: str, looks: Looks) -> None:
    gone: Session = await begin(await Connection.open(endpoint))
    gone.send(request(FAR_TIMES))
    await asyncio.sleep(0.1)
    assert looks.count
    await gone.connection.drop()
    await nothing_is_looked_for(looks)
