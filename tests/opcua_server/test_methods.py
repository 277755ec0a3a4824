"""Pause, Resume, Step, SetSpeed, Reset, Inject, Clear."""

from __future__ import annotations

import json

import pytest
from asyncua import Client, ua

from .conftest import step, value


async def call(client: Client, path: str, *arguments: object) -> object:
    owner, _, method = path.rpartition(".")
    return await client.get_node(f"ns=2;s={owner}").call_method(f"2:{method}", *arguments)


async def test_a_fault_is_injected_shown_and_cleared(client: Client) -> None:
    fault = await call(client, "R101.Simulation.Inject", "bias", json.dumps({"signal": "T", "size": 10}))
    assert json.loads(await value(client, "R101.Simulation.ActiveFaults")) == [
        {"id": fault, "kind": "bias", "signal": "T", "size": 10.0}
    ]
    await step(client, 1.0)
    assert await value(client, "R101.T") - await value(client, "R101.Simulation.True.T") == pytest.approx(10, abs=1.5)
    assert await value(client, "R102.T") - await value(client, "R102.Simulation.True.T") == pytest.approx(0, abs=1.5)
    await call(client, "R101.Simulation.Clear", "")
    assert await value(client, "R101.Simulation.ActiveFaults") == "[]"


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("gremlins", "{}"),
        ("bias", "not json"),
        ("bias", "[1]"),
        ("bias", "[" * 3000),
        ("bias", "9" * 5000),
        ("bias", '{"signal": "T"}'),
        ("bias", '{"size": 1}'),
    ],
)
async def test_a_bad_argument_is_named(client: Client, kind: str, parameters: str) -> None:
    request = ua.CallMethodRequest(
        ObjectId=ua.NodeId("R101.Simulation", 2),
        MethodId=ua.NodeId("R101.Simulation.Inject", 2),
        InputArguments=[ua.Variant(kind), ua.Variant(parameters)],
    )
    (result,) = await client.uaclient.call([request])
    assert result.StatusCode.name == "BadInvalidArgument"
    at_fault = [not code.is_good() for code in result.InputArgumentResults]
    assert at_fault == [kind == "gremlins", kind != "gremlins"]


async def test_arguments_are_counted_and_typed(client: Client) -> None:
    with pytest.raises(ua.uaerrors.BadArgumentsMissing):
        await call(client, "R101.Simulation.Inject", "bias")
    with pytest.raises(ua.uaerrors.BadTooManyArguments):
        await call(client, "Plant.Simulation.Pause", "now")
    with pytest.raises(ua.UaStatusCodeError):
        await call(client, "Plant.Simulation.Step", "a minute")
    with pytest.raises(ua.UaStatusCodeError):
        await call(client, "Plant.Simulation.Step", ua.Variant(-1.0, ua.VariantType.Double))
    with pytest.raises(ua.UaStatusCodeError):
        await call(client, "R101.Simulation.Clear", "F99")


async def test_a_lockstep_plant_cannot_be_paused(client: Client) -> None:
    with pytest.raises(ua.uaerrors.BadInvalidState):
        await call(client, "Plant.Simulation.Pause")


async def test_pause_speed_and_resume(serving) -> None:  # type: ignore[no-untyped-def]
    async with serving({"server.lockstep": False}) as endpoint, Client(endpoint) as client:
        await call(client, "Plant.Simulation.Pause")
        at = await value(client, "Plant.Simulation.Time")
        await call(client, "Plant.Simulation.Step", 2.0)
        assert (await value(client, "Plant.Simulation.Time") - at).total_seconds() == 2.0
        assert await value(client, "Plant.Simulation.State") == 1
        await call(client, "Plant.Simulation.SetSpeed", 50.0)
        await call(client, "Plant.Simulation.Resume")
        assert (await value(client, "Plant.Simulation.State"), await value(client, "Plant.Simulation.Speed")) == (0, 50)
        for speed in (0.0, -1.0, 2000.0):
            with pytest.raises(ua.UaStatusCodeError):
                await call(client, "Plant.Simulation.SetSpeed", speed)


async def test_reset_puts_the_reactors_back_and_counts_it(client: Client) -> None:
    await call(client, "R101.Simulation.Inject", "feed-temperature", '{"size": 20}')
    await step(client, 60.0)
    assert await value(client, "R101.Simulation.True.T") > 326.0
    await call(client, "Plant.Simulation.Reset")
    assert await value(client, "R101.Simulation.True.T") == pytest.approx(324.475, abs=0.01)
    assert await value(client, "Plant.Simulation.Epoch") == 1
    assert await value(client, "R101.Simulation.ActiveFaults") == "[]"
