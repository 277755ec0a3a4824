"""A session's user changes: what it monitors is decided anew (OPC 10000-4 v1.05 §5.13.2.1, OPC 10000-2 v1.05 §6.20)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from asyncua import Client, ua

from ..conftest import Serving, value, write
from .asking import UINT32, browse, plant
from .logins import ANONYMOUS, become, login, off_loopback


class Heard:
    """The statuses that came of each node, in their order."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def datachange_notification(self, node: Any, received: object, data: Any) -> None:
        status = data.monitored_item.Value.StatusCode
        self._queue.put_nowait((str(node.nodeid.Identifier), "Good" if status is None else status.name))

    async def next(self, count: int) -> dict[str, str]:
        async with asyncio.timeout(10):
            return dict([await self._queue.get() for _ in range(count)])

    @property
    def is_silent(self) -> bool:
        return self._queue.empty()


async def test_items_follow_the_rights_of_a_new_user(serving: Serving, people: Path) -> None:
    names = ["R101.TIC101.Kc", "R101.TIC101.Mode.ValueAsText", "R101.T.EURange", "R101.TIC101.SP"]
    good, gone = dict.fromkeys(names, "Good"), dict.fromkeys(names, "BadNodeIdUnknown")
    async with (
        serving(off_loopback(people), people) as endpoint,
        login(endpoint, people, "operator") as client,
    ):
        heard = Heard()
        subscription = await client.create_subscription(20.0, heard)
        nodes = [client.get_node(plant(name)) for name in names]
        await subscription.subscribe_data_change(nodes)
        server = client.get_node(ua.NodeId(ua.ObjectIds.Server_NamespaceArray))
        await subscription.subscribe_data_change(server)
        assert await heard.next(len(names) + 1) == good | {str(server.nodeid.Identifier): "Good"}
        await become(client, ANONYMOUS)
        assert await heard.next(len(names)) == gone
        await become(client, "operator")
        assert await heard.next(len(names)) == good
        await become(client, "engineer")
        assert await write(client, ("R101.TIC101.Kc", 7.0, ua.VariantType.Double)) == ["Good"]
        assert await heard.next(1) == {"R101.TIC101.Kc": "Good"}
        assert heard.is_silent


async def test_what_may_not_be_read_is_monitored_and_said_to_be_denied(serving: Serving, people: Path) -> None:
    async with (
        serving(off_loopback(people), people) as endpoint,
        login(endpoint, people, "observer") as client,
    ):
        heard = Heard()
        subscription = await client.create_subscription(20.0, heard)
        node = client.get_node(plant("R101.T"))
        await subscription.subscribe_data_change(node, attr=ua.AttributeIds.RolePermissions)
        assert await heard.next(1) == {"R101.T": "BadUserAccessDenied"}
        await become(client, "security")
        assert await heard.next(1) == {"R101.T": "Good"}
        await subscription.subscribe_data_change(node, attr=ua.AttributeIds.UserRolePermissions)
        assert await heard.next(1) == {"R101.T": "Good"}
        await become(client, "configure")
        assert sorted([await heard.next(1), await heard.next(1)], key=str) == [
            {"R101.T": "BadUserAccessDenied"}, {"R101.T": "Good"},
        ]  # fmt: skip


async def test_continuation_points_and_loops_end_with_the_user(serving: Serving, people: Path) -> None:
    async with (
        serving(off_loopback(people), people) as endpoint,
        login(endpoint, people, "pid") as client,
        login(endpoint, people, "pid") as other,
    ):
        point = await first_page(client)
        beat = ("R101.TIC101.Heartbeat", 1, UINT32)
        assert await write(client, beat) == ["Good"]
        assert await write(other, beat) == ["BadUserAccessDenied"]
        assert await value(client, "R101.TIC101.Alive") is True
        await become(client, "observer")
        assert await write(other, beat) == ["Good"]
        params = ua.BrowseNextParameters(ReleaseContinuationPoints=False, ContinuationPoints=[point])
        (result,) = await client.uaclient.browse_next(params)
        assert result.StatusCode.name == "BadContinuationPointInvalid"
        assert (await browse(client, plant("R101")))[0] == "Good"


async def first_page(client: Client) -> bytes:
    description = ua.BrowseDescription(
        plant("R101"), ua.BrowseDirection.Forward, ua.NodeId(33), True, 0, ua.BrowseResultMask.All
    )
    params = ua.BrowseParameters(RequestedMaxReferencesPerNode=1, NodesToBrowse=[description])
    (result,) = await client.uaclient.browse(params)
    return bytes(result.ContinuationPoint)
