"""Data change filters (OPC 10000-4 v1.05 §7.22.2)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from opcua_server.bank import as_bits
from opcua_server.monitoring.filters import ON_STATUS, ON_STATUS_VALUE, ON_STATUS_VALUE_TIMESTAMP, passes
from plant import quality
from runtime.opcua_link.builtin import DOUBLE, INT32, UINT32

GOOD, UNCERTAIN = quality.GOOD, quality.UNCERTAIN_SENSOR_NOT_ACCURATE


def does_pass(
    last: float,
    new: float,
    deadband: float = 0.0,
    trigger: int = ON_STATUS_VALUE,
    statuses: tuple[int, int] = (GOOD, GOOD),
    kind: int = DOUBLE,
) -> bool:
    """Filter one sample."""
    last_bits, bits = (
        as_bits(np.array([value])) if kind == DOUBLE else np.array([int(value)], np.int64).view(np.uint64)
        for value in (last, new)
    )
    before, after = (np.array([status], np.uint32) for status in statuses)
    found = passes(kind, np.array([trigger], np.uint8), np.array([deadband]), (last_bits, before), (bits, after))
    return bool(found[0])


@pytest.mark.parametrize(("new", "is_told"), [(11.0, False), (9.0, False), (11.001, True), (8.999, True)])
def test_a_value_is_told_when_it_is_further_away_than_the_deadband(new: float, is_told: bool) -> None:
    assert does_pass(10.0, new, deadband=1.0) is is_told


@pytest.mark.parametrize("trigger", [ON_STATUS, ON_STATUS_VALUE, ON_STATUS_VALUE_TIMESTAMP])
def test_a_change_of_status_is_always_told(trigger: int) -> None:
    assert does_pass(10.0, 10.0, 5.0, trigger, statuses=(GOOD, UNCERTAIN))


def test_the_status_trigger_tells_no_value() -> None:
    assert not does_pass(10.0, 1e9, trigger=ON_STATUS)


def test_without_a_deadband_any_other_value_is_told() -> None:
    assert does_pass(1.0, math.nextafter(1.0, 2.0))
    assert not does_pass(1.0, 1.0)


def test_what_is_no_number_is_far_from_every_number() -> None:
    assert does_pass(1.0, math.nan, deadband=1e300)
    assert does_pass(math.nan, 1.0, deadband=1e300)
    assert not does_pass(math.nan, math.nan, deadband=1.0)


@pytest.mark.parametrize(("kind", "last", "new"), [(INT32, -(2**31), 2**31 - 1), (UINT32, 0, 2**32 - 1)])
def test_distances_of_integers_do_not_wrap_around(kind: int, last: int, new: int) -> None:
    assert does_pass(last, new, deadband=1e9, kind=kind)
    assert not does_pass(last, new, deadband=1e10, kind=kind)
