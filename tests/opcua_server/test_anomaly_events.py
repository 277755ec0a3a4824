"""The detector's verdicts as events: once each, to all notifiers, and the same in history."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from asyncua import Client, ua

from plant.clock import TICKS_PER_SECOND
from runtime.opcua_link.filetime import ticks_of

from .conftest import Serving, step, value
from .event_history import SERVER, TYPE, Fields, field, history, listening, plant, say

pytestmark = pytest.mark.asyncio(loop_scope="module")

S = TICKS_PER_SECOND
NOTIFIERS = {"server": SERVER, "plant": plant("Plant"), "area": plant("Plant.Area1"), "reactor": plant("R101")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(serving: Serving) -> AsyncIterator[Client]:
    async with serving({"plant.reactors": 2}) as endpoint, Client(endpoint) as client:
        await step(client, 1.0)
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def since(client: Client) -> int:
    """When a test began, plant time: no anomaly is under way."""
    for reactor in ("R101", "R102"):
        await say(client, reactor, anomaly=False)
    await step(client, 1.0)
    return ticks_of(await value(client, "Plant.Simulation.Time"))


async def begins_and_ends(client: Client, since: int, reactor: str = "R101") -> None:
    await say(client, reactor, anomaly=True, cause="T high", score=1.25, since=since - S)
    await step(client, 2.0)
    await say(client, reactor, anomaly=True, cause="T high", score=3.5, since=since - S)
    await step(client, 1.0)
    await say(client, reactor, anomaly=False, score=0.5, since=since + 3 * S)


async def test_a_beginning_and_an_end_are_told_with_all_they_have(client: Client, since: int) -> None:
    async with listening(client, reactor=plant("R101")) as listener:
        await begins_and_ends(client, since)
        began, ended = await listener.until("reactor", 2)
    own = ("Reactor", "Active", "Cause", "Score", "StartTime", "EndTime", "Epoch")
    assert [field(began, name) for name in own] == ["R101", True, "T high", 1.25, since - S, None, 0]
    assert [field(ended, name) for name in own] == ["R101", False, "T high", 3.5, since - S, since + 3 * S, 0]
    for each in (began, ended):
        assert field(each, "EventType") == TYPE
        assert field(each, "SourceNode") == plant("R101")
        assert field(each, "SourceName") == "R101"
        assert field(each, "ReceiveTime") != field(each, "Time"), "the wall clock is another than the plant's"
    assert [field(each, "Time") - since for each in (began, ended)] == [0, 3 * S]
    assert [field(each, "Severity") for each in (began, ended)] == [800, 100]
    assert field(began, "Message").Text == "R101: an anomaly began, T high (score 1.25)"
    assert field(ended, "Message").Text == "R101: the anomaly ended after 4 s, T high"
    assert field(began, "EventId") != field(ended, "EventId")


async def test_it_is_told_at_every_notifier_above_and_history_has_the_same(client: Client, since: int) -> None:
    async with listening(client, other=plant("R102"), **NOTIFIERS) as listener:
        await begins_and_ends(client, since)
        await say(client, "R102", anomaly=True, cause="Ca low", score=1.5)
        both: list[Fields] = await listener.until("server", 3)
        other = await listener.until("other", 1)
    assert listener.heard["plant"] == listener.heard["area"] == both
    assert listener.heard["reactor"] == both[:2]
    assert other == both[2:]
    for name in ("server", "plant", "area"):
        assert await history(client, NOTIFIERS[name], since) == both
    assert await history(client, plant("R101"), since) == both[:2]
    assert await history(client, plant("R102"), since) == both[2:]


async def test_only_what_changes_is_told(client: Client, since: int) -> None:
    for anomaly in (False, True, True, False, False, True):
        await say(client, "R101", anomaly=anomaly)
        await step(client, 0.1)
    assert [field(each, "Active") for each in await history(client, plant("R101"), since)] == [True, False, True]


async def test_a_jump_of_the_plant_is_told_by_its_epoch(client: Client, since: int) -> None:
    await say(client, "R101", anomaly=True, since=since)
    await client.get_node("ns=2;s=Plant.Simulation").call_method("2:Reset")
    await say(client, "R101", anomaly=False)
    began, ended = await history(client, plant("R101"), since)
    assert field(ended, "Epoch") == field(began, "Epoch") + 1
    assert field(ended, "StartTime") == field(began, "StartTime") == since


async def test_the_notifiers_say_what_their_history_has(client: Client) -> None:
    for name, node in NOTIFIERS.items():
        notifier = await client.get_node(node).read_attribute(ua.AttributeIds.EventNotifier)
        assert notifier.Value.Value == 0b101, name
        path = await client.get_node(node).get_child("0:HistoricalEventFilter")
        kept = await path.read_value()
        assert [each.BrowsePath[0].Name for each in kept.SelectClauses][-1] == "Epoch"
        (where,) = kept.WhereClause.Elements
        assert where.FilterOperator == ua.FilterOperator.OfType
        (used,) = await client.get_node(node).get_referenced_nodes(ua.ObjectIds.HasHistoricalConfiguration)
        types = await used.get_child("0:EventTypes")
        assert [each.nodeid for each in await types.get_children()] == [TYPE]


async def test_all_other_objects_have_no_events(client: Client) -> None:
    for name in ("R101.TIC101", "R101.Detector", "Plant.Simulation", "Tags.R101", "Tags"):
        notifier = await client.get_node(plant(name)).read_attribute(ua.AttributeIds.EventNotifier)
        assert notifier.Value.Value == 0, name
