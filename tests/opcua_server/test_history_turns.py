"""HistoryRead without a wire: whose continuation points are taken, and that nobody waits long for others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from asyncua import ua
from prometheus_client import CollectorRegistry

from opcua_server.access.policies import Policies
from opcua_server.access.rights import Rights
from opcua_server.access.roles import OBSERVER
from opcua_server.historical_access.answer import Answer
from opcua_server.historical_access.encoding import Result
from opcua_server.historical_access.event_history import EventHistory
from opcua_server.historical_access.points import Seals
from opcua_server.recorder import Recorder
from opcua_server.services import attribute_history
from opcua_server.services.attribute_history import HistoryReader
from opcua_server.tags import Tags
from plant import quality
from plant.clock import TICKS_PER_SECOND
from runtime.health import Health
from runtime.opcua_link.filetime import FileTime
from timeseries.reading import History
from timeseries.store import Store

T0 = 134_000_000_000_000_000
S = TICKS_PER_SECOND
T, CA = "R101.T", "R101.Ca"
RIGHTS = Rights(frozenset({OBSERVER}), None, Policies(Tags(["R101"], CollectorRegistry())))
SEALS = Seals()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[HistoryReader]:
    """Of a plant with 20 samples of two signals."""
    tags = Tags(["R101"], CollectorRegistry())
    recorder = Recorder(tags, Store(tmp_path / "history"), Health("server"), CollectorRegistry())
    for second in range(20):
        for name in (T, CA):
            tags[name].set(float(second), T0 + second * S, T0 + second * S, quality.GOOD)
    reader = HistoryReader(tags, recorder, History(tmp_path / "history"), Mock(EventHistory), lambda node: True)
    yield reader
    reader.close()


def params(details: Any, *nodes: tuple[str, bytes], release: bool = False) -> ua.HistoryReadParameters:
    asked = [ua.HistoryReadValueId(NodeId=ua.NodeId(name, 2), ContinuationPoint=point) for name, point in nodes]
    return ua.HistoryReadParameters(details, ua.TimestampsToReturn.Source, release, asked)


def raw(start: int = 0, limit: int = 5) -> ua.ReadRawModifiedDetails:
    span = (FileTime.of(T0 + start * S), FileTime.of(T0 + 30 * S))
    return ua.ReadRawModifiedDetails(False, *span, limit, False)


async def read(
    reader: HistoryReader, details: Any, name: str = T, point: bytes = b"", seals: Seals = SEALS
) -> tuple[int, bytes]:
    """Return status and continuation point."""
    head = (await reader.read(RIGHTS, params(details, (name, point)), seals))[0]
    length = int.from_bytes(head[4:8], "little", signed=True)
    return int.from_bytes(head[:4], "little"), head[8 : 8 + max(0, length)]


INVALID = int(ua.StatusCodes.BadContinuationPointInvalid)


async def test_a_point_is_of_one_node_and_of_one_question(reader: HistoryReader) -> None:
    _, point = await read(reader, raw())
    assert point
    assert (await read(reader, raw(limit=3), point=point))[0] == quality.GOOD
    assert (await read(reader, raw(), point=point))[0] == quality.GOOD
    for details, name in ((raw(), CA), (raw(start=1), T), (ua.ReadAtTimeDetails([FileTime.of(T0)], True), T)):
        assert await read(reader, details, name, point) == (INVALID, b"")
    for other in (b"x", point[:-1], bytes([point[0] ^ 1]) + point[1:]):
        assert (await read(reader, raw(), point=other))[0] == INVALID


async def released(reader: HistoryReader, point: bytes) -> int:
    """Return the status, whichever question is asked with it."""
    (answer,) = await reader.read(RIGHTS, params(raw(start=1), (T, point), release=True), SEALS)
    return int.from_bytes(answer[:4], "little")


async def test_a_point_is_of_one_session(reader: HistoryReader) -> None:
    others = Seals()
    _, point = await read(reader, raw())
    _, of_another = await read(reader, raw(), seals=others)
    assert await read(reader, raw(), point=of_another) == (INVALID, b"")
    assert await released(reader, of_another) == INVALID
    assert (await read(reader, raw(), point=of_another, seals=others))[0] == quality.GOOD
    assert (await read(reader, raw(), point=point))[0] == quality.GOOD


async def test_what_is_no_point_cannot_be_released(reader: HistoryReader) -> None:
    _, point = await read(reader, raw())
    for other in (b"x", b"xx", point[:-1], bytes([point[0] ^ 1]) + point[1:], bytes(60)):
        assert await released(reader, other) == INVALID
    assert await released(reader, point) == quality.GOOD
    assert await released(reader, point) == INVALID


async def test_a_point_that_was_released_is_taken_no_more(reader: HistoryReader) -> None:
    points = [(await read(reader, raw()))[1] for _ in range(2)]
    assert points[0] != points[1]
    assert await released(reader, points[0]) == quality.GOOD
    assert [(await read(reader, raw(), point=point))[0] for point in points] == [INVALID, quality.GOOD]


async def test_processed_and_values_at_times_go_on_by_points_of_their_own(
    reader: HistoryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribute_history, "MAX_VALUES_PER_READ", 4)
    average = ua.NodeId(ua.ObjectIds.AggregateFunction_Average)
    span = (FileTime.of(T0), FileTime.of(T0 + 20 * S))
    processed = ua.ReadProcessedDetails(*span, 2000.0, [average], ua.AggregateConfiguration())
    other = ua.ReadProcessedDetails(*span, 4000.0, [average], ua.AggregateConfiguration())
    times = [FileTime.of(T0 + int(each) * S) for each in np.arange(10)]
    for details, wrong in ((processed, other), (ua.ReadAtTimeDetails(times, True), ua.ReadAtTimeDetails(times, False))):
        _, point = await read(reader, details)
        assert point
        assert (await read(reader, wrong, point=point))[0] == INVALID
        assert (await read(reader, details, point=point))[0] == quality.GOOD


async def test_who_asks_for_little_does_not_wait_for_all_that_others_ask(
    reader: HistoryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[str] = []

    def slow(self: Answer, details: Any, most: int, octets: int) -> Result:
        answered.append(self.info.name)
        return Result(quality.GOOD)

    monkeypatch.setattr(attribute_history, "TURN_S", 0.0)
    monkeypatch.setattr(Answer, "raw", slow)
    async with asyncio.TaskGroup() as group:
        group.create_task(reader.read(RIGHTS, params(raw(), *[(T, b"")] * 50), SEALS))
        group.create_task(reader.read(RIGHTS, params(raw(), (CA, b"")), SEALS))
    assert len(answered) == 51
    assert answered.index(CA) < 5
