"""Values that are not Good: what subscribers see of faulty transmitters (OPC 10000-4 v1.05 §5.13.1.5, §7.22.2)."""

from __future__ import annotations

import json

import pytest
from asyncua import ua

from .services import (
    ABSOLUTE,
    OVERFLOW,
    STRING,
    Change,
    T,
    changes,
    deadband,
    invoke,
    monitor,
    on,
    read,
    step,
    subscribe,
)
from .wire import Session

FAILED = ua.StatusCodes.BadSensorFailure
HELD = ua.StatusCodes.UncertainLastUsableValue
SIMULATION = "R101.Simulation"


async def fail(session: Session, kind: str = "sensor-failure") -> None:
    """Let the transmitter of T have a fault from the next scan on."""
    parameters = ua.Variant(json.dumps({"signal": "T"}), STRING)
    await invoke(session, SIMULATION, f"{SIMULATION}.Inject", ua.Variant(kind, STRING), parameters)
    await step(session)


async def mend(session: Session) -> None:
    """End all faults of the reactor from the next scan on."""
    await invoke(session, SIMULATION, f"{SIMULATION}.Clear", ua.Variant("", STRING))
    await step(session)


def shown(found: list[Change]) -> list[tuple[bool, int]]:
    """Return of each change whether it has a value, and its status."""
    return [(change.value is not None, change.status) for change in found]


async def test_good_bad_good_passes_every_deadband(session: Session) -> None:
    await monitor(session, (await subscribe(session)).SubscriptionId, T, filter=deadband(ABSOLUTE, 300.0))
    assert shown(await changes(session)) == [(True, 0)]
    for _ in range(2):
        await fail(session)
        await step(session, 0.5)
        await mend(session)
        await step(session, 0.5)
    assert shown(await changes(session)) == [(False, FAILED), (True, 0)] * 2


@pytest.mark.parametrize("filter_", [None, deadband(ABSOLUTE, 300.0), on(ua.DataChangeTrigger.Status)])
async def test_a_held_value_is_told_as_uncertain_though_it_has_not_changed(
    session: Session, filter_: ua.DataChangeFilter | None
) -> None:
    await monitor(session, (await subscribe(session)).SubscriptionId, T, filter=filter_)
    assert shown(await changes(session)) == [(True, 0)]
    (last,) = await read(session, T)
    await fail(session, "last-usable")
    await step(session, 0.5)
    await mend(session)
    held, good = await changes(session)
    assert (held.value, held.status) == (last.Value.Value, HELD)
    assert (good.value is None, good.status) == (False, 0)
    assert good.source > held.source


async def test_an_overflow_is_marked_on_a_bad_value_too(session: Session) -> None:
    await monitor(session, (await subscribe(session)).SubscriptionId, T, queue=2)
    await changes(session)
    for _ in range(3):
        await fail(session)
        await mend(session)
    assert shown(await changes(session)) == [(False, FAILED | OVERFLOW), (True, 0)]
    await fail(session)
    await mend(session)
    assert shown(await changes(session)) == [(False, FAILED), (True, 0)]


async def test_discarding_the_newest_marks_the_bad_value_that_took_its_place(session: Session) -> None:
    options = {"queue": 2, "discard_oldest": False}
    await monitor(session, (await subscribe(session)).SubscriptionId, T, **options)
    await changes(session)
    await fail(session)
    await mend(session)
    await fail(session)
    assert shown(await changes(session)) == [(False, FAILED), (False, FAILED | OVERFLOW)]
    await mend(session)
    assert shown(await changes(session)) == [(True, 0)]
