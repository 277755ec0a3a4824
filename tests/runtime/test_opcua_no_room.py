"""A server with room for few monitored items: the others are had, and those that were refused are asked for again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from asyncua import ua
from asyncua.server.monitored_item_service import MonitoredItemService

from runtime.errors import BadInput, LinkLost
from runtime.opcua_link import link as opcua_link
from runtime.opcua_link.link import OpcuaLink

A, B = "Tank.A", "Tank.B"
WHY = f"{B}: cannot be subscribed to: BadTooManyMonitoredItems"


@pytest.fixture
def refused(monkeypatch) -> dict[str, int]:
    """Nodes of which no item is made, and what the server says."""
    monkeypatch.setattr(opcua_link, "LOOK_AGAIN_FIRST_S", 0.05)
    monkeypatch.setattr(opcua_link, "LOOK_AGAIN_EVERY_S", 0.05)
    refused: dict[str, int] = {}
    create = MonitoredItemService._create_data_change_monitored_item

    async def creating(service, params):
        if code := refused.get(params.ItemToMonitor.NodeId.Identifier):
            return ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(ua.UInt32(code)))
        return await create(service, params)

    monkeypatch.setattr(MonitoredItemService, "_create_data_change_monitored_item", creating)
    return refused


@pytest.fixture
async def link(vendor, refused) -> AsyncIterator[OpcuaLink]:
    for leaf in "AB":
        await vendor.add(leaf, 1.0, ua.VariantType.Double)
    async with vendor.link() as link:
        yield link


async def nobody(data) -> None:
    """Take what comes."""


async def test_the_others_are_had_and_the_link_ends_once_there_is_room(vendor, link, refused) -> None:
    refused["B"] = ua.StatusCodes.BadTooManyMonitoredItems
    told: dict[str, str] = {}
    came: list[str] = []

    async def take(data) -> None:
        came.extend(data.signals[place] for place in data.index)

    await link.subscribe([A, B], take, publishing_s=0.02, on_no_room=told.__setitem__)
    assert told == {B: WHY}
    running = asyncio.create_task(link.run())
    async with asyncio.timeout(10):
        while not came:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    assert not running.done()
    refused.clear()
    with pytest.raises(BaseExceptionGroup) as ended:
        await asyncio.wait_for(running, 10)
    (why,) = ended.value.exceptions
    assert isinstance(why, LinkLost)
    assert str(why).endswith("Tank.B is there again")
    assert set(came) == {A}


@pytest.mark.parametrize("code", ["BadTooManyMonitoredItems", "BadOutOfMemory", "BadResourceUnavailable"])
async def test_where_all_are_needed_the_link_is_lost(link, refused, code: str) -> None:
    refused["B"] = getattr(ua.StatusCodes, code)
    with pytest.raises(LinkLost, match=f"{B}: cannot be subscribed to: {code}"):
        await link.subscribe([A, B], nobody)


async def test_where_there_is_room_for_none_the_link_goes_on_until_there_is(link, refused) -> None:
    refused |= dict.fromkeys("AB", ua.StatusCodes.BadTooManyMonitoredItems)
    told: dict[str, str] = {}
    await link.subscribe([A, B], nobody, on_no_room=told.__setitem__)
    assert list(told) == [A, B]
    running = asyncio.create_task(link.run())
    await asyncio.sleep(0.2)
    assert not running.done()
    refused.clear()
    with pytest.raises(BaseExceptionGroup) as ended:
        await asyncio.wait_for(running, 10)
    assert ended.group_contains(LinkLost, match="is there again")


async def test_another_reason_is_a_mistake_in_the_settings(link, refused) -> None:
    refused["B"] = ua.StatusCodes.BadUserAccessDenied
    with pytest.raises(BadInput, match=f"{B}: cannot be subscribed to: BadUserAccessDenied"):
        await link.subscribe([A, B], nobody, on_no_room=lambda name, why: None)
