"""Audit over the wire: who gets the events, and what stands in the trail."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua

from runtime.rotating_lines import AUDIT

from ..conftest import Serving, step, value, write
from .conftest import Trail

IDS, V = ua.ObjectIds, ua.VariantType
SP, LOOP = "R101.TIC101.SP", "R101.TIC101"


class Listener:
    """Keeps the events it gets."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.came = asyncio.Event()

    def event_notification(self, event: Any) -> None:
        self.events.append(event)
        self.came.set()


async def listen(client: Client, kind: int = IDS.AuditEventType) -> Listener:
    """Subscribe to the audit events of the server."""
    listener = Listener()
    subscription = await client.create_subscription(20, listener)
    await subscription.subscribe_events(client.nodes.server, [ua.NodeId(kind)])
    return listener


async def eventually(found: Callable[[], Any]) -> Any:
    """Wait until there is something."""
    async with asyncio.timeout(10):
        while not (there := found()):  # noqa: ASYNC110 - what another thread, or the server, does
            await asyncio.sleep(0.02)
    return there


@pytest.fixture
async def endpoint(serving: Serving, folder: Path) -> AsyncIterator[str]:
    async with serving(folder=folder) as served:
        yield served


async def test_a_write_is_told_to_clients_and_in_the_trail_as_one_event(endpoint: str, trail: Trail) -> None:
    async with Client(endpoint) as client, Client(endpoint) as other:
        listener = await listen(other, IDS.AuditWriteUpdateEventType)
        assert await write(client, (SP, 351.0, V.Double)) == ["Good"]
        (event,) = await eventually(lambda: listener.events)
        (line,) = await eventually(lambda: trail("AuditWriteUpdateEventType"))
        assert (event.OldValue, event.NewValue, event.Status) == (350.0, 351.0, True)
        assert event.SourceNode == ua.NodeId(SP, 2)
        assert (line["event_id"], line["peer"]) == (event.EventId.hex(), "127.0.0.1")
        assert (line["node"], line["OldValue"], line["NewValue"]) == (f"ns=2;s={SP}", 350.0, 351.0)
        assert line["status"] == "Good"


async def test_what_is_refused_is_told_with_its_reason(endpoint: str, trail: Trail) -> None:
    async with Client(endpoint) as client:
        assert await write(client, ("R101.T", 1.0, V.Double), (SP, "text", V.String), (SP, 1e9, V.Double)) == [
            "BadNotWritable",
            "BadTypeMismatch",
            "BadOutOfRange",
        ]
        lines = await eventually(lambda: len(found := trail("AuditWriteUpdateEventType")) == 3 and found)
        assert [line["status"] for line in lines] == ["BadNotWritable", "BadTypeMismatch", "BadOutOfRange"]
        assert lines[1]["NewValue"] == "text"


async def test_a_write_of_what_is_no_signal_is_told_with_the_value_before(endpoint: str, trail: Trail) -> None:
    enabled = ua.NodeId(IDS.Server_ServerDiagnostics_EnabledFlag)
    async with Client(endpoint) as client:
        before = await client.get_node(enabled).read_value()
        with pytest.raises(ua.uaerrors.BadTypeMismatch):
            await client.get_node(enabled).write_value(1.0)
        await client.get_node(enabled).write_value(not before)
        with pytest.raises(ua.uaerrors.BadNotWritable):
            await client.get_node(ua.NodeId(IDS.Server_ServiceLevel)).write_value(0, V.Byte)
        lines = await eventually(lambda: len(found := trail("AuditWriteUpdateEventType")) == 3 and found)
        assert [(line.get("OldValue"), line["NewValue"]) for line in lines] == [
            (before, 1.0),
            (before, not before),
            (None, 0),
        ]


async def test_a_method_is_told_with_arguments_and_result(endpoint: str, trail: Trail) -> None:
    async with Client(endpoint) as client:
        simulation = client.get_node("ns=2;s=R101.Simulation")
        fault = await simulation.call_method("2:Inject", "bias", '{"signal": "T", "size": 5}')
        with pytest.raises(ua.UaError):
            await simulation.call_method("2:Inject", "nonsense", "{}")
        good, bad = await eventually(lambda: len(found := trail("AuditUpdateMethodEventType")) == 2 and found)
        assert good["MethodId"] == "ns=2;s=R101.Simulation.Inject"
        assert good["InputArguments"] == ["bias", '{"signal": "T", "size": 5}']
        assert good["OutputArguments"] == [fault]
        assert bad["status"] == "BadInvalidArgument"


async def test_a_method_is_told_of_a_client_that_has_gone_meanwhile(endpoint: str, trail: Trail) -> None:
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with Client(endpoint) as gone:
            stepping = asyncio.create_task(step(gone, 3600.0))
            await asyncio.sleep(0.2)
            gone.uaclient.protocol.transport.abort()
            await asyncio.gather(stepping, return_exceptions=True)
    (line,) = await eventually(lambda: trail("AuditUpdateMethodEventType"))
    assert (line["MethodId"], line["status"]) == ("ns=2;s=Plant.Simulation.Step", "BadSessionClosed")


async def test_of_a_controller_only_that_it_takes_the_loop_is_told(endpoint: str, trail: Trail) -> None:
    async with Client(endpoint) as client, Client(endpoint) as rival:
        for beat in range(1, 6):
            demand = ((f"{LOOP}.Heartbeat", beat, V.UInt32), ("R101.Tc", 300.0 + beat, V.Double))
            assert await write(client, *demand) == ["Good", "Good"]
            assert await write(rival, (f"{LOOP}.Heartbeat", beat, V.UInt32)) == ["BadUserAccessDenied"]
        assert await write(client, (SP, 340.0, V.Double)) == ["Good"]
        written = "AuditWriteUpdateEventType"
        lines = await eventually(lambda: (found := trail(written)) and found[-1]["node"].endswith("SP") and found)
        assert [(line["node"].rpartition(".")[2], line["status"]) for line in lines] == [
            ("Heartbeat", "Good"),
            ("Heartbeat", "BadUserAccessDenied"),
            ("SP", "Good"),
        ]
        assert lines[0]["session"] != lines[1]["session"]


async def test_the_server_says_that_it_audits(endpoint: str) -> None:
    async with Client(endpoint) as client:
        assert await client.get_node(ua.NodeId(IDS.Server_Auditing)).read_value() is True


async def test_a_trail_that_cannot_be_written_holds_nothing(
    serving: Serving, folder: Path, trail: Trail, caplog: pytest.LogCaptureFixture
) -> None:
    path = folder / AUDIT
    path.parent.mkdir(parents=True)
    path.symlink_to("/dev/full")
    async with serving(folder=folder) as endpoint, Client(endpoint) as client:
        for number in range(3):
            assert await write(client, (SP, 340.0 + number, V.Double)) == ["Good"]
        await eventually(lambda: [text for text in caplog.messages if text.startswith("audit: ")])
        before = await value(client, "R101.T")
        await step(client, 60.0)
        assert await value(client, "R101.T") != before
        path.unlink()
        assert await write(client, (SP, 350.0, V.Double)) == ["Good"]
        lost, *told = await eventually(lambda: (found := trail()) and found[-1].get("NewValue") == 350.0 and found)
        assert lost["event"] == "Lost"
        assert lost["count"] + len(told) == 3 + 4 + 1  # channel, session, login; three writes, the step; the last write
        assert lost["count"] >= 3 + 3
    assert len([text for text in caplog.messages if text.startswith("audit: ")]) == 2


async def test_only_the_owner_may_read_the_trail(endpoint: str, folder: Path, trail: Trail) -> None:
    async with Client(endpoint) as client:
        assert await write(client, (SP, 351.0, V.Double)) == ["Good"]
    await eventually(trail)
    assert (folder / AUDIT).stat().st_mode & 0o777 == 0o600
