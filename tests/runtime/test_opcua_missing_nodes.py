"""Listed nodes that a server does not have: each is named, the others are there, and it is looked for again."""

from __future__ import annotations

import asyncio

import pytest
from asyncua import ua

from runtime.errors import BadInput, LinkLost
from runtime.opcua_link import link as opcua_link
from runtime.opcua_link.connect import connected
from runtime.opcua_link.nodes import listed

NODES = {"Tank.A": "ns=2;s=A", "Tank.B": "ns=2;s=B", "Tank.C": "nsu=urn:elsewhere;s=C"}


async def test_what_is_missing_is_named_and_ends_the_link_once_it_is_there(vendor, monkeypatch) -> None:
    monkeypatch.setattr(opcua_link, "LOOK_AGAIN_FIRST_S", 0.05)
    monkeypatch.setattr(opcua_link, "LOOK_AGAIN_EVERY_S", 0.05)
    await vendor.add("A", 1.0, ua.VariantType.Double)
    async with connected(vendor.endpoint, "test", find=listed(NODES)) as link:
        with pytest.raises(BadInput, match=r"Tank\.C: .*no namespace urn:elsewhere"):
            await link.variables()
        with pytest.raises(BadInput, match="urn:elsewhere"):
            await link.read(["Tank.C"])
        missing: dict[str, str] = {}
        assert [info.name for info in await link.variables(missing.__setitem__)] == ["Tank.A"]
        assert missing.keys() == {"Tank.B", "Tank.C"}
        assert missing["Tank.B"] == "Tank.B (ns=2;s=B): BadNodeIdUnknown"
        running = asyncio.create_task(link.run())
        await asyncio.sleep(0.2)
        assert not running.done()
        await vendor.add("B", 1.0, ua.VariantType.Double)
        with pytest.raises(BaseExceptionGroup) as ended:
            await asyncio.wait_for(running, 5)
    (why,) = ended.value.exceptions
    assert isinstance(why, LinkLost)
    assert "Tank.B is there again" in str(why)


async def test_what_cannot_be_subscribed_to_is_named(vendor) -> None:
    await vendor.add("A", 1.0, ua.VariantType.Double)
    async with connected(
        vendor.endpoint, "test", find=listed({name: NODES[name] for name in ("Tank.A", "Tank.B")})
    ) as link:
        with pytest.raises(BadInput, match=r"Tank\.B: cannot be subscribed to: BadNodeIdUnknown"):
            await link.subscribe(["Tank.A", "Tank.B"], None)
        missing: dict[str, str] = {}
        await link.subscribe(["Tank.A", "Tank.B"], None, on_missing=missing.__setitem__)
        assert missing.keys() == {"Tank.B"}
