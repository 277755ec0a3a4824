"""A server that starts again on the same data directory goes on where it ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua

from plant.clock import TICKS_PER_SECOND, datetime_from_ticks
from runtime.opcua_link.filetime import ticks_of

from .conftest import Serving

SCAN = TICKS_PER_SECOND // 10


async def facts(endpoint: str) -> tuple[int, int, float, float]:
    """Return plant time, epoch, true T and SP."""
    async with Client(endpoint) as client:
        names = ("Plant.Simulation.Time", "Plant.Simulation.Epoch", "R101.Simulation.True.T", "R101.TIC101.SP")
        values = [await client.get_node(f"ns=2;s={name}").read_data_value() for name in names]
        time, epoch, t_k, sp_k = (data.Value.Value for data in values)
        return ticks_of(time), epoch, t_k, sp_k


async def step(endpoint: str, seconds: float) -> None:
    async with Client(endpoint) as client:
        sp = client.get_node("ns=2;s=R101.TIC101.SP")
        await sp.write_value(ua.Variant(333.0, ua.VariantType.Double))
        await client.get_node("ns=2;s=Plant.Simulation").call_method("2:Step", ua.Variant(seconds))


async def test_time_state_and_faceplate_go_on_in_lockstep(serving: Serving, tmp_path: Path) -> None:
    async with serving(folder=tmp_path) as endpoint:
        await step(endpoint, 100.0)
        before = await facts(endpoint)
    async with serving(folder=tmp_path) as endpoint:
        after = await facts(endpoint)
        assert after == (before[0] + SCAN, *before[1:])
        assert after[3] == 333.0
        async with Client(endpoint) as client:
            node = client.get_node("ns=2;s=R101.Simulation.True.T")
            end = datetime_from_ticks(after[0] + TICKS_PER_SECOND)
            found = await node.read_raw_history(datetime_from_ticks(before[0]), end, return_bounds=False)
        assert [(ticks_of(each.SourceTimestamp), each.StatusCode.name) for each in found] == [
            (before[0], "Good"),
            (before[0] + 1, "BadOutOfService"),
            (after[0], "Good"),
        ]


async def test_subscribers_get_what_was_sampled_last(serving: Serving, tmp_path: Path) -> None:
    times: list[int] = []
    running = asyncio.Event()

    class Handler:
        def datachange_notification(self, node: object, value: object, data: Any) -> None:
            times.append(ticks_of(data.monitored_item.Value.SourceTimestamp))
            if len(times) == 5:
                running.set()

    async with contextlib.AsyncExitStack() as server:
        endpoint = await server.enter_async_context(serving({"server.lockstep": False}, tmp_path))
        client = Client(endpoint)
        await client.connect()
        subscription = await client.create_subscription(100, Handler())
        await subscription.subscribe_data_change(client.get_node("ns=2;s=R101.Simulation.True.T"))
        await asyncio.wait_for(running.wait(), 10)
    with contextlib.suppress(ConnectionError, OSError, TimeoutError):
        await client.disconnect()
    line, _, _ = (tmp_path / "server" / "checkpoint").read_bytes().partition(b"\n")
    assert times[-1] == json.loads(line)["time"]


async def test_reactors_that_were_there_go_on_when_their_number_changes(serving: Serving, tmp_path: Path) -> None:
    async with serving({"plant.reactors": 2}, tmp_path) as endpoint:
        await step(endpoint, 100.0)
        before = await facts(endpoint)
    for count in (3, 1):
        async with serving({"plant.reactors": count}, tmp_path) as endpoint:
            after = await facts(endpoint)
        assert after == (before[0] + SCAN, *before[1:])
        before = after


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_a_killed_lockstep_or_another_plant_sent_is_of_an_epoch_that_is_over(
    serving: Serving, tmp_path: Path, seed: int
) -> None:
    async with serving(folder=tmp_path) as endpoint:
        await step(endpoint, 100.0)
        before = await facts(endpoint)
    if seed == 1:
        checkpoint = tmp_path / "server" / "checkpoint"
        line, _, rest = checkpoint.read_bytes().partition(b"\n")
        checkpoint.write_bytes(json.dumps({**json.loads(line), "last": False}).encode() + b"\n" + rest)
    async with serving({"plant.seed": seed}, tmp_path) as endpoint:
        time, epoch, *_ = await facts(endpoint)
    assert (time, epoch) == (before[0] + SCAN, before[1] + 1)
