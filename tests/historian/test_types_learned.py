"""A signal whose type nothing tells of is of the type of its first value, and stays of it."""

from __future__ import annotations

import asyncio
import contextlib
import time

from historian import gaps
from plant import quality
from runtime.opcua_link.values import Notification, Reading, VariableInfo
from timeseries.reader import Reader

T, NAME = "Tank.T", "Tank.Name"
WAITING = quality.BAD_WAITING_FOR_INITIAL_DATA


def kinds(plant) -> dict[str, tuple[int, bool]]:
    with contextlib.closing(Reader(plant.path)) as reader:
        return {info.name: (info.data_type, info.stepped) for info in reader.signals()}


async def test_the_first_value_tells_it(plant, server) -> None:
    server.is_plant = False
    server.infos = [VariableInfo(T, 0, "K", True), VariableInfo(NAME, 0, "", False)]
    server.live = [Reading(T, None, WAITING, 0, server.at(0)), server.measure(NAME, None, 0, quality.BAD)]
    async with plant.collecting(server, lambda: plant.stored(NAME) and not plant.gaps()):
        for second in (1, 2):
            some = [server.measure(T, float(second), second), server.measure(NAME, "text", second)]
            await server.send(Notification.of(some, [T, NAME]))
    assert plant.stored(T) == [1.0, 2.0]
    assert plant.stored(NAME)[-2:] == ["text", "text"]
    assert kinds(plant) == {T: (11, False), NAME: (12, True)}
    assert plant.count("rejected", reason="type") == 0
    assert plant.health.last_error == ""

    server.live = [Reading(T, None, WAITING, 0, server.at(3))]
    server.past = [server.measure(T, 4.0, 4)]
    server.now = server.at(4)
    async with plant.collecting(server, lambda: plant.stored(T)[-1:] == [4.0] and not plant.gaps()):
        assert kinds(plant) == {T: (11, False), NAME: (12, True)}
        wrong = [server.measure(T, "text", 5)]
        await server.send(Notification.of(wrong, [T, NAME]))
    assert plant.stored(T) == [1.0, 2.0, 4.0]


async def test_it_stays_of_the_type_that_the_store_knows(plant, server) -> None:
    server.is_plant, server.infos = False, [VariableInfo(T, 0, "K", False)]
    server.live = [server.measure(T, None, 0, quality.BAD)]
    async with plant.collecting(server, lambda: plant.stored(T)):
        await server.send(Notification.of([server.measure(T, 1.5, 1)], [T]))
    server.send = None
    async with plant.collecting(server, lambda: server.send):
        await server.send(Notification.of([server.measure(T, 3, 3), server.measure(T, 4.5, 4)], [T]))
    assert plant.stored(T) == [None, 1.5, 4.5]


async def test_a_gap_is_that_of_the_signal_whatever_its_type(plant, server, monkeypatch) -> None:
    monkeypatch.setattr(gaps, "FIRST_PATIENCE_S", 0.1)
    server.is_plant, server.infos, server.now = False, [VariableInfo(T, 0, "K", True)], server.at(8)
    server.past = [server.measure(T, float(second), second) for second in range(1, 8)]
    server.live = [server.measure(T, None, 8, quality.BAD)]
    server.refuses = {T: quality.BAD_DATA_LOST}
    async with plant.collecting(server, lambda: plant.health.detail.get("gaps")):
        server.past, server.now, server.refuses = [*server.past, server.measure(T, 9.0, 9)], server.at(9), {}
        await server.send(Notification.of([server.measure(T, 9.0, 9)], [T]))
        async with asyncio.timeout(5):
            while plant.gaps():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert plant.stored(T) == [*map(float, range(1, 8)), None, 9.0]


async def test_it_is_learned_once_of_what_is_live_and_what_is_read_back(plant, server, monkeypatch) -> None:
    server.is_plant, server.infos, server.now = False, [VariableInfo(T, 0, "K", True)], server.at(8)
    server.live = [Reading(T, None, WAITING, 0, server.at(0))]
    server.past = [server.measure(T, float(second), second) for second in range(1, 8)]
    pages, sending = server.history_pages, list[asyncio.Task[None]]()

    async def while_something_comes(names, start, end, *, on_refusal):
        async for page in pages(names, start, end, on_refusal=on_refusal):
            if not sending:
                slow = asyncio.create_task(plant.thread.do(time.sleep, 0.2))
                await asyncio.sleep(0)
                came = Notification.of([server.measure(T, 9.0, 9)], [T])
                sending.extend((slow, asyncio.create_task(server.send(came))))
                await asyncio.sleep(0.05)
            yield page

    monkeypatch.setattr(server, "history_pages", while_something_comes)
    async with plant.collecting(server, lambda: len(plant.stored(T)) >= 8 and not plant.gaps()):
        await asyncio.gather(*sending)
    assert plant.stored(T) == [*map(float, range(1, 8)), 9.0]
