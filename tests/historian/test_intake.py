"""What is kept of a notification: the same as of its readings one by one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from historian.epochs import EPOCH
from historian.intake import Intake
from historian.messages.line_protocol import EARLIEST, LATEST
from plant import quality
from plant.clock import ticks_from_text
from plant.sample import Scalar
from runtime.opcua_link.builtin import DATETIME, STRING
from runtime.opcua_link.values import Notification, Reading, VariableInfo

INTERVAL = 10
T0 = ticks_from_text("2026-11-22T04:00:00Z")
TYPES = {
    "R101.T": 11,
    "R101.Alarms.T_H": 1,
    "R101.TIC101.Mode": 6,
    "R101.Detector.Cause": 12,
    "R101.Detector.Since": 13,
}
TYPES |= {EPOCH: 7, "Tank.Other": 15}
INFOS = [VariableInfo(name, data_type, "", True) for name, data_type in TYPES.items()]
ALLOWED: dict[int, tuple[type, ...]] = {1: (bool,), 6: (int,), 7: (int,), 11: (float,), 12: (str,), 13: ()}

values = st.sampled_from([None, 1.5, math.nan, math.inf, 7, 2**63, True, "hot", "heiß", "\udcff"])
codes = st.sampled_from([quality.GOOD, 0x480, quality.UNCERTAIN, quality.BAD_SENSOR_FAILURE])
times = st.sampled_from([0, 1, EARLIEST - 1, EARLIEST, LATEST, LATEST + 1]) | st.integers(T0, T0 + 60)
readings = st.builds(Reading, st.sampled_from(list(TYPES)), values, codes, times, st.just(5))


def is_sample(data_type: int, value: Scalar | None) -> bool:
    if isinstance(value, str) and value == "\udcff":
        return False
    if type(value) is int and value >= 2**63:
        return False
    return type(value) in ALLOWED.get(data_type, ()) and not (isinstance(value, float) and not math.isfinite(value))


def one_by_one(received: list[Reading], kept: dict[str, int]) -> tuple[list[Reading], dict[str, int]]:
    accepted: list[Reading] = []
    rejected = {"never_measured": 0, "time": 0, "type": 0, "thinned": 0}
    for each in received:
        if each.source_time == 0:
            rejected["never_measured"] += 1
        elif not EARLIEST <= each.source_time <= LATEST:
            rejected["time"] += 1
        elif not quality.is_bad(each.status) and not is_sample(TYPES[each.name], each.value):
            rejected["type"] += 1
        elif each.name in kept and 0 <= each.source_time - kept[each.name] < INTERVAL:
            rejected["thinned"] += 1
        else:
            kept[each.name] = each.source_time
            accepted.append(each)
    return accepted, rejected


@given(st.lists(st.lists(readings, max_size=20), max_size=4))
def test_columns_are_taken_as_their_readings_would_be(notifications: list[list[Reading]]) -> None:
    intake = Intake(INFOS, INTERVAL)
    kept: dict[str, int] = {}
    for received in notifications:
        wanted, reasons = one_by_one(received, kept)
        accepted, rejected, _ = intake.taken(Notification.of(received, list(TYPES)))
        assert [repr(each) for each in accepted.readings()] == [repr(each) for each in wanted]
        assert rejected == reasons


def test_where_the_source_gives_no_time_the_servers_stands_in_then_that_of_arrival() -> None:
    waiting = quality.BAD_WAITING_FOR_INITIAL_DATA
    rows = [
        Reading("R101.T", 1.0, quality.GOOD, T0, 7),
        Reading("R101.T", 2.0, quality.GOOD, 0, T0 + 1),
        Reading("R101.T", 3.0, quality.GOOD, 0, 0),
        Reading("R101.T", None, quality.BAD_NO_COMMUNICATION, 0, T0 + 3),
        Reading("R101.T", None, waiting, 0, T0 + 4),
        Reading("R101.T", None, waiting | 0x480, 0, 0),
        Reading("R101.T", None, waiting, T0 + 6, 7),
    ]
    found = Notification.of(rows, list(TYPES)).timed(T0 + 2)
    assert found.source_time.tolist() == [T0, T0 + 1, T0 + 2, T0 + 3, 0, 0, T0 + 6]
    accepted, rejected, _ = Intake(INFOS, 0).taken(found)
    assert (len(accepted), rejected["never_measured"]) == (5, 2)


@pytest.mark.parametrize(
    ("data_type", "least", "most"),
    [
        (2, -128, 127),
        (3, 0, 255),
        (4, -(2**15), 2**15 - 1),
        (5, 0, 2**16 - 1),
        (6, -(2**31), 2**31 - 1),
        (7, 0, 2**32 - 1),
        (8, -(2**63), 2**63 - 1),
        (9, 0, 2**63 - 1),
    ],
)
def test_an_integer_is_within_its_signals_type(data_type: int, least: int, most: int) -> None:
    intake = Intake([VariableInfo("R101.N", data_type, "", True)], 0)
    values = [least - 1, least, most, most + 1]
    sent = [Reading("R101.N", value, quality.GOOD, T0 + place, T0) for place, value in enumerate(values)]
    inside = [each for each in sent if -(2**63) <= each.value < 2**63]  # type: ignore[operator]
    taken = intake.taken(Notification.of(inside, ["R101.N"]))
    assert taken.data.values == [least, most]
    assert taken.rejected["type"] == len(inside) - 2


def test_a_datetime_is_ticks_and_no_text() -> None:
    name = "R101.Detector.Since"
    both = [Reading(name, 7, quality.GOOD, T0, 5), Reading(name, "now", quality.GOOD, T0 + 1, 5)]
    received = Notification.of(both, [name])
    received = replace(received, types=np.array([DATETIME, STRING], np.uint8))
    accepted, rejected, _ = Intake([VariableInfo(name, 13, "", True)], 0).taken(received)
    assert (accepted.words.tolist(), rejected["type"]) == ([7], 1)


def test_jumps_of_plant_time_are_found_wherever_they_stand() -> None:
    jumps = [Reading(EPOCH, epoch, quality.GOOD, epoch, 5) for epoch in (3, 4)]
    other = Reading("R101.T", 350.0, quality.GOOD, 1, 5)
    found = Intake(INFOS, 0).jumps(Notification.of([other, jumps[0], other, jumps[1]], list(TYPES)))
    assert found == jumps
    assert Intake(INFOS[:1], 0).jumps(Notification.of([other], list(TYPES)[:1])) == []


def test_a_time_far_ahead_of_the_servers_clock_is_refused() -> None:
    received = [Reading("R101.T", 1.0, 0, T0 + ahead, T0) for ahead in (-INTERVAL, 1000, 1001)]
    received.append(replace(received[2], server_time=0))
    accepted, rejected, _ = Intake(INFOS, 0, ahead=1000).taken(Notification.of(received, list(TYPES)))
    assert accepted.source_time.tolist() == [T0 - INTERVAL, T0 + 1000, T0 + 1001]
    assert rejected["time"] == 1
