"""A signal whose type nothing tells of is of the type of its first value, and stays of it."""

from __future__ import annotations

import contextlib

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
