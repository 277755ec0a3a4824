"""A server that has no room for an item, at the start, too: it is collected once there is, with what was missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from asyncua import ua
from asyncua.server.monitored_item_service import MonitoredItemService

from runtime.opcua_link import link as opcua_link
from runtime.opcua_link.connect import keep_connected
from runtime.opcua_link.nodes import listed

from ..runtime.conftest import Vendor

A, B = "Tank.A", "Tank.B"


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """Record two nodes."""
    vendor = Vendor()
    await vendor.prepare()
    async with vendor.server:
        for leaf in "AB":
            node = await vendor.add(leaf, 1.0, ua.VariantType.Double)
            await vendor.server.historize_node_data_change(node, period=None, count=1000)
        yield vendor


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_what_there_is_no_room_for_is_collected_once_there_is(vendor, plant, monkeypatch) -> None:
    monkeypatch.setattr(opcua_link, "LOOK_AGAIN_FIRST_S", 0.1)
    monkeypatch.setattr(opcua_link, "LOOK_AGAIN_EVERY_S", 0.1)
    create, is_full = MonitoredItemService._create_data_change_monitored_item, True

    async def creating(service, params):
        if is_full and params.ItemToMonitor.NodeId.Identifier == "B":
            return ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(ua.UInt32(0x80DB0000)))
        return await create(service, params)

    monkeypatch.setattr(MonitoredItemService, "_create_data_change_monitored_item", creating)
    collector = plant.collector()
    find = listed({name: node.nodeid.to_string() for name, node in vendor.nodes.items()})
    collecting = asyncio.create_task(keep_connected(vendor.endpoint, "test", collector.run, find=find))
    said = f"not collected: {B}: cannot be subscribed to: BadTooManyMonitoredItems"
    await until(lambda: plant.health.last_error == said and not plant.gaps())
    values = [1.0]

    async def write() -> None:
        values.append(values[-1] + 1)
        for node in vendor.nodes.values():
            await node.write_value(values[-1])

    for _ in range(5):
        await write()
        await until(lambda: plant.stored(A) == values)
    assert plant.stored(B) == [1.0]
    is_full = False
    await until(lambda: plant.stored(B) == values)
    await until(lambda: plant.health.last_error == "")
    await write()
    await until(lambda: plant.stored(A) == plant.stored(B) == values)
    collecting.cancel()
    await asyncio.gather(collecting, return_exceptions=True)
