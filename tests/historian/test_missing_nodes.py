"""A listed node that is gone: a mistake at first; later the others go on without it, until it is there again."""

from __future__ import annotations

import pytest

from runtime.errors import BadInput

from .conftest import Plant

T, CA = "R101.T", "R101.Ca"


def is_subscribed(plant: Plant) -> bool:
    """Whether a connection came so far that all nodes had been there."""
    return not plant.health.as_json()["waiting_for"]


async def test_a_node_that_is_gone_stops_no_other(plant, server, caplog) -> None:
    server.is_plant, server.missing = False, {CA}
    collector = plant.collector()
    with pytest.raises(BadInput, match="BadNodeIdUnknown"):
        await collector.run(server)
    server.missing = set()
    server.live = [server.measure(CA, 1.0, 0)]
    async with plant.collecting(server, lambda: plant.stored(CA) and is_subscribed(plant), collector=collector):
        assert plant.health.last_error == ""
    said = "not collected: R101.Ca: BadNodeIdUnknown"
    for second in (1.0, 2.0):
        server.missing, server.live = {CA}, [server.measure(T, second, second)]
        async with plant.collecting(
            server,
            lambda: plant.health.last_error == said and plant.stored(T)[-1:] == [second],  # noqa: B023
            collector=collector,
        ):
            pass
    assert [each.message for each in caplog.records] == [said]
    server.missing, server.live = set(), [server.measure(CA, 2.0, 3)]
    async with plant.collecting(
        server, lambda: plant.health.last_error == "" and len(plant.stored(CA)) == 2, collector=collector
    ):
        pass


async def test_a_node_that_is_gone_stops_no_other_behind_a_connection_without_any(plant, server) -> None:
    server.is_plant = False
    collector = plant.collector()
    server.live = [server.measure(CA, 1.0, 0)]
    async with plant.collecting(server, lambda: plant.stored(CA) and is_subscribed(plant), collector=collector):
        pass
    server.missing, server.live = {T, CA}, []
    async with plant.collecting(server, lambda: plant.health.last_error, collector=collector):
        pass
    server.missing, server.live = {CA}, [server.measure(T, 5.0, 5)]
    async with plant.collecting(server, lambda: plant.stored(T), collector=collector):
        assert plant.stored(T) == [5.0]


async def test_what_a_plant_of_ours_has_not_yet_is_waited_for(plant, server) -> None:
    collector = plant.collector()
    server.live = [server.measure(T, 1.0, 0)]
    async with plant.collecting(server, lambda: plant.stored(T) and is_subscribed(plant), collector=collector):
        pass
    server.missing = {CA}
    with pytest.raises(BadInput):
        await collector.run(server)
