"""A server that takes few operations a call is asked in parts."""

from __future__ import annotations

import asyncio

import pytest
from asyncua import ua

from plant import quality
from runtime.errors import LinkLost
from runtime.opcua_link.limits import Limits

LIMITS = "Server_ServerCapabilities_OperationLimits"
LEAST = {"MaxNodesPerRead": 4, "MaxNodesPerWrite": 3, "MaxNodesPerBrowse": 0, "MaxMonitoredItemsPerCall": 2}


@pytest.fixture
def most(vendor, monkeypatch) -> dict[str, int]:
    """Have the server refuse what is beyond its limits, and tell the most of each call."""
    found: dict[str, int] = {}
    session = type(vendor.server.iserver.isession)

    def limit(call: str, what: str, items: str) -> None:
        answer = getattr(session, call)

        async def limited(self, params, *more):
            count = len(getattr(params, items))
            found[call] = max(found.get(call, 0), count)
            if count > LEAST[what] and self.external:
                raise ua.uaerrors.BadTooManyOperations
            return await answer(self, params, *more)

        monkeypatch.setattr(session, call, limited)

    limit("read", "MaxNodesPerRead", "NodesToRead")
    limit("write", "MaxNodesPerWrite", "NodesToWrite")
    limit("create_monitored_items", "MaxMonitoredItemsPerCall", "ItemsToCreate")
    return found


async def test_what_is_asked_for_is_cut_by_what_the_server_takes(vendor, most) -> None:
    for name, most_at_once in LEAST.items():
        node = vendor.server.get_node(ua.NodeId(ua.Int32(getattr(ua.ObjectIds, f"{LIMITS}_{name}"))))
        await node.write_value(ua.Variant(most_at_once, ua.VariantType.UInt32))
    for number in range(9):
        await vendor.add(f"T{number}", 1.0, ua.VariantType.Double)
    most.clear()
    async with vendor.link() as link:
        assert len(await link.variables()) == 9
        assert await link.write(dict.fromkeys(vendor.nodes, 2.0)) == dict.fromkeys(vendor.nodes, quality.GOOD)
        await link.subscribe(list(vendor.nodes), None)
    assert most == {"read": 4, "write": 3, "create_monitored_items": 2}


async def test_a_limit_that_is_not_there_or_none_is_none(vendor) -> None:
    await vendor.server.get_node(ua.NodeId(ua.Int32(ua.ObjectIds.Server_ServerCapabilities_OperationLimits))).delete()
    async with vendor.link() as link:
        assert link._session.limits == Limits()


async def test_a_server_that_tells_no_limits_is_asked_for_half_as_much_until_it_takes_it(vendor, most) -> None:
    for number in range(9):
        await vendor.add(f"T{number}", 1.0, ua.VariantType.Double)
    came: set[str] = set()

    async def take(data) -> None:
        came.update(data.signals[place] for place in data.index)

    async with vendor.link() as link, asyncio.timeout(10):
        assert link._session.limits == Limits()
        assert len(await link.variables()) == 9
        assert await link.write(dict.fromkeys(vendor.nodes, 2.0)) == dict.fromkeys(vendor.nodes, quality.GOOD)
        await link.subscribe(list(vendor.nodes), take, publishing_s=0.05)
        receiving = asyncio.create_task(link.run())
        while came != set(vendor.nodes):  # noqa: ASYNC110 - what comes in another task
            await asyncio.sleep(0.01)
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)


async def test_a_server_that_takes_not_even_one_is_told_of(vendor, monkeypatch) -> None:
    async def refuse(self, params):
        raise ua.uaerrors.BadTooManyOperations

    await vendor.add("T", 1.0, ua.VariantType.Double)
    async with vendor.link() as link:
        monkeypatch.setattr(type(vendor.server.iserver.isession), "write", refuse)
        with pytest.raises(LinkLost, match="too many operations"):
            await link.write({"Tank.T": 1.0})
