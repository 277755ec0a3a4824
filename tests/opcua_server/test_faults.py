"""Transmitters that fail: what is Bad or Uncertain with them, in the present and in history."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from asyncua import Client, ua

from .conftest import step, value

FAILED, HELD = ua.StatusCodes.BadSensorFailure, ua.StatusCodes.UncertainLastUsableValue
OF_T = ["T", "TIC101.PV", "r", "Qc", *(f"Alarms.{name}" for name in ("T_HH", "T_H", "T_L", "T_LL"))]


async def inject(client: Client, kind: str, **parameters: object) -> str:
    simulation = client.get_node("ns=2;s=R101.Simulation")
    return str(await simulation.call_method("2:Inject", kind, json.dumps(parameters)))


async def read(client: Client, *names: str) -> list[tuple[object, int]]:
    """Return value and StatusCode of some signals of R101."""
    nodes = [client.get_node(f"ns=2;s=R101.{name}") for name in names]
    found = await client.read_attributes(nodes)
    return [(data.Value.Value if data.Value else None, data.StatusCode.value) for data in found]


@pytest.mark.parametrize(("kind", "status"), [("sensor-failure", FAILED), ("last-usable", HELD)])
async def test_what_is_made_of_a_faulty_signal_has_its_status(client: Client, kind: str, status: int) -> None:
    await inject(client, kind, signal="T", for_s=1.0)
    await step(client, 0.5)
    found = await read(client, *OF_T)
    assert [code for _, code in found] == [status] * len(OF_T)
    assert {shown is None for shown, _ in found} == {status == FAILED}
    assert found[0] == found[1]
    others = await read(client, "TB", "Ca", "X", "Tc", "TIC101.OUT", "Simulation.True.T")
    assert [code for _, code in others] == [0] * len(others)
    await step(client, 0.5)
    assert [code for _, code in await read(client, *OF_T)] == [0] * len(OF_T)
    assert await value(client, "R101.Simulation.ActiveFaults") == "[]"


async def test_of_several_inputs_the_worst_status_counts(client: Client) -> None:
    await inject(client, "last-usable", signal="Caf")
    await inject(client, "sensor-failure", signal="Ca")
    await step(client, 0.1)
    assert [code for _, code in await read(client, "Caf", "Ca", "X", "r", "Qc")] == [HELD, FAILED, FAILED, FAILED, 0]


async def test_history_shows_the_bad_and_the_uncertain_samples(client: Client) -> None:
    node = client.get_node("ns=2;s=R101.T")
    start = await value(client, "Plant.Simulation.Time")
    for kind in ("sensor-failure", "last-usable"):
        await step(client, 0.2)
        last = await value(client, "R101.T")
        await inject(client, kind, signal="T", for_s=0.3)
        await step(client, 0.4)
    samples = await node.read_raw_history(
        start + timedelta(microseconds=1), start + timedelta(minutes=1), return_bounds=False
    )
    bad = [data for data in samples if data.StatusCode.value == FAILED]
    held = [data for data in samples if data.StatusCode.value == HELD]
    assert [data.Value.Value if data.Value else None for data in bad] == [None]
    assert [data.Value.Value for data in held] == [last]
    times = [(data.SourceTimestamp - start).total_seconds() for data in (*bad, *held)]
    assert times == pytest.approx([0.3, 0.9])
    assert sum(data.StatusCode.is_good() for data in samples) == len(samples) - 2


async def test_a_parameter_that_the_kind_has_not_is_refused(client: Client) -> None:
    for given in ({"signal": "T", "size": 1.0}, {"signal": "T", "ramp_s": 1.0}, {}):
        with pytest.raises(ua.uaerrors.BadInvalidArgument):
            await inject(client, "sensor-failure", **given)
    assert await value(client, "R101.Simulation.ActiveFaults") == "[]"
