"""Writes, ownership of the loop, and the watchdog."""

from __future__ import annotations

import asyncio
import math

import pytest
from asyncua import Client, ua

from runtime.opcua_link.filetime import ticks_of

from .conftest import Serving, step, value, write

DOUBLE, INT32, UINT32 = ua.VariantType.Double, ua.VariantType.Int32, ua.VariantType.UInt32
LOOP = "R101.TIC101"


@pytest.mark.parametrize(
    ("name", "wanted", "vtype", "answer"),
    [
        (f"{LOOP}.SP", 360.0, DOUBLE, "Good"),
        (f"{LOOP}.SP", 390.1, DOUBLE, "BadOutOfRange"),
        (f"{LOOP}.SP", math.nan, DOUBLE, "BadOutOfRange"),
        (f"{LOOP}.SP", math.inf, DOUBLE, "BadOutOfRange"),
        (f"{LOOP}.SP", 360.0, ua.VariantType.Float, "BadTypeMismatch"),
        (f"{LOOP}.SP", "hot", ua.VariantType.String, "BadTypeMismatch"),
        (f"{LOOP}.Kc", 101.0, DOUBLE, "BadOutOfRange"),
        (f"{LOOP}.TI", 0.5, DOUBLE, "BadOutOfRange"),
        (f"{LOOP}.SPRate", 20.0, DOUBLE, "Good"),
        (f"{LOOP}.ModeTarget", 3, INT32, "BadInvalidState"),
        (f"{LOOP}.ModeTarget", 7, INT32, "BadOutOfRange"),
        (f"{LOOP}.Mode", 2, INT32, "BadUserAccessDenied"),
        ("R101.T", 350.0, DOUBLE, "BadNotWritable"),
        ("R101.T.EURange", 350.0, DOUBLE, "BadNotWritable"),
        ("R101.Tc", 249.9, DOUBLE, "BadOutOfRange"),
        ("R101.Tc", 310.0, DOUBLE, "Good"),
        ("R999.Tc", 310.0, DOUBLE, "BadNodeIdUnknown"),
    ],
)
async def test_each_write_gets_its_answer(
    client: Client, name: str, wanted: object, vtype: ua.VariantType, answer: str
) -> None:
    assert await write(client, (name, wanted, vtype)) == [answer]
    if answer == "Good":
        assert await value(client, name) == wanted


async def test_a_status_is_refused_and_a_time_is_replaced_by_plant_time(client: Client) -> None:
    node = client.get_node(f"ns=2;s={LOOP}.SP")
    with pytest.raises(ua.uaerrors.BadWriteNotSupported):
        await node.write_value(ua.DataValue(ua.Variant(360.0), ua.StatusCode(ua.UInt32(0x40000000))))
    await node.write_value(360.0)
    data = await node.read_data_value()
    now = await value(client, "Plant.Simulation.Time")
    # One tick later: the setpoint had a value at this plant time already, and times increase strictly.
    assert ticks_of(data.SourceTimestamp) == ticks_of(now) + 1


async def claim(client: Client, beat: int, tc_k: float) -> list[str]:
    return await write(
        client,
        (f"{LOOP}.Mode", 2, INT32),
        ("R101.Tc", tc_k, DOUBLE),
        (f"{LOOP}.WSP", 340.0, DOUBLE),
        (f"{LOOP}.Heartbeat", beat, UINT32),
    )


async def test_one_call_claims_a_silent_loop_and_others_are_refused(serving: Serving) -> None:
    async with serving() as endpoint, Client(endpoint) as holder, Client(endpoint) as other:
        assert await claim(holder, 1, 305.0) == ["Good"] * 4
        assert await value(other, f"{LOOP}.Mode") == 2
        assert await value(other, f"{LOOP}.OUT") == 305.0
        assert await claim(other, 9, 260.0) == ["BadUserAccessDenied"] * 4
        assert await write(other, (f"{LOOP}.OUT", 300.0, DOUBLE)) == ["BadInvalidState"]
        assert await value(other, "R101.Tc") == 305.0
        for _ in range(62):
            await step(holder, 0.1)
        assert await claim(other, 9, 306.0) == ["Good"] * 4


async def test_the_watchdog_drives_the_jacket_to_its_safe_side_within_6_s(serving: Serving) -> None:
    async with serving({"server.lockstep": False}) as endpoint, Client(endpoint) as client:
        await client.get_node("ns=2;s=Plant.Simulation").call_method("2:Pause")
        await claim(client, 1, 305.0)
        await step(client, 5.9)
        assert (await value(client, "R101.Tc"), await value(client, f"{LOOP}.Alive")) == (305.0, True)
        assert await claim(client, 2, 306.0) == ["Good"] * 4
        await step(client, 5.9)
        assert (await value(client, "R101.Tc"), await value(client, f"{LOOP}.Alive")) == (306.0, True)
        await step(client, 0.1)
        assert (await value(client, "R101.Tc"), await value(client, f"{LOOP}.Alive")) == (250.0, False)
        assert await value(client, f"{LOOP}.Mode") == 1
        assert await value(client, f"{LOOP}.ModeTarget") == 2
        assert await value(client, "R102.Tc") == 300.0


async def test_out_of_service_is_not_man(serving: Serving) -> None:
    async with serving() as endpoint, Client(endpoint) as holder, Client(endpoint) as other:
        await claim(holder, 1, 305.0)
        assert await write(holder, (f"{LOOP}.Mode", 0, INT32)) == ["Good"]
        answers = await write(other, (f"{LOOP}.OUT", 300.0, DOUBLE), ("R101.Tc", 300.0, DOUBLE))
        assert answers == ["BadInvalidState", "BadUserAccessDenied"]


async def test_a_loop_is_free_when_its_holder_has_gone(serving: Serving) -> None:
    async with serving() as endpoint, Client(endpoint) as other:
        async with Client(endpoint) as holder:
            await claim(holder, 1, 305.0)
            assert await claim(other, 1, 306.0) == ["BadUserAccessDenied"] * 4
        assert await claim(other, 1, 306.0) == ["Good"] * 4


async def test_nobodys_own_hand_is_snapped(client: Client) -> None:
    assert await write(client, ("R101.Tc", 312.0, DOUBLE)) == ["Good"]
    await step(client, 20.0)
    assert await value(client, "R101.Tc") == 312.0
    await claim(client, 1, 305.0)
    await write(client, (f"{LOOP}.ModeTarget", 1, INT32), (f"{LOOP}.Mode", 1, INT32))
    await step(client, 20.0)
    assert await value(client, "R101.Tc") == 305.0


async def test_a_controllers_write_moves_a_lockstep_plant_by_its_interval(client: Client) -> None:
    before = await value(client, "Plant.Simulation.Time")
    for reactor in ("R101", "R102"):
        loop = f"{reactor}.TIC{reactor[1:]}"
        answers = await write(client, (f"{loop}.Heartbeat", 1, UINT32), (f"{reactor}.Tc", 300.0, DOUBLE))
        assert answers == ["Good", "Good"]
    async with asyncio.timeout(5):
        while (await value(client, "Plant.Simulation.Time") - before).total_seconds() < 0.5:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert (await value(client, "Plant.Simulation.Time") - before).total_seconds() == 0.5
