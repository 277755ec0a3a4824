"""The whole plant under control: cold start and ramps with noise, lag and drift.

In lockstep, faster than real time, in every run of the tests; free-running at speed 1 takes 75 minutes:
`make test ARGS="-m slow -s"`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from asyncua import Client, ua

from plant.clock import TICKS_PER_SECOND, ticks_from_datetime, ticks_from_text

from .conftest import Up

pytestmark = pytest.mark.system

SETPOINTS_K = (350.0, 320.0, 380.0, 350.0)
RAMP_K_PER_MIN = 5.0
SETTLES_S = 60.0
HOLDS_S = 600.0
STANDS_STILL_S = 30.0
PAST_SETPOINT_K, WITHIN_K = 2.0, 1.0


@pytest.mark.parametrize(
    ("lockstep", "reactors"),
    [
        pytest.param(True, 1, id="lockstep", marks=pytest.mark.timeout(900)),
        pytest.param(False, 3, id="speed-1", marks=[pytest.mark.slow, pytest.mark.timeout(6000)]),
    ],
)
async def test_cold_start_and_ramps_stay_near_the_setpoint_and_raise_no_anomaly(
    start_plant: Callable[..., Up], tmp_path: Path, lockstep: bool, reactors: int
) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(f"plant: {{reactors: {reactors}, seed: 11}}\nserver: {{lockstep: {str(lockstep).lower()}}}\n")
    up = start_plant(tmp_path / "data", "--config", str(config))
    try:
        up.wait_ready()
        began = time.monotonic()
        moves = await _drive(up, reactors)
        plant_s = (moves[-1][1] - moves[0][0]) / TICKS_PER_SECOND
        print(f"{plant_s:.0f} s of plant time in {time.monotonic() - began:.0f} s")
        for number in range(reactors):
            reactor = f"R{101 + number}"
            rows = up.query("raw", f"{reactor}.Simulation.True.T", "--start", "-3h")
            times = np.array([ticks_from_text(row["source_time"]) for row in rows])
            values = np.array([float(row["value"]) for row in rows])
            gaps_s = np.diff(times[times > moves[0][0]]) / TICKS_PER_SECOND
            assert gaps_s.max() < 1.0, f"{reactor}: a gap of {gaps_s.max()} s in the history"
            _check(reactor, times, values, moves)
            flagged = up.query("raw", f"{reactor}.Detector.Anomaly", "--start", "-3h")
            assert {row["value"] for row in flagged if row["status"] == "Good"} == {"False"}, flagged
            judged = up.query("raw", f"{reactor}.Detector.Score", "--start", "-3h")
            assert len(judged) > 0.2 * plant_s
    finally:
        code = up.end()
        print(up.log.read_text()[-3000:])
    assert code == 0
    assert up.processes() == []


async def _drive(up: Up, reactors: int) -> list[tuple[int, int, float]]:
    """Move the setpoints of all reactors; return start, end (ticks) and setpoint of each move."""
    moves: list[tuple[int, int, float]] = []
    async with Client(up.running["opcua"]) as client:
        clock = client.get_node("ns=2;s=Plant.Simulation.Time")
        now = ticks_from_datetime(await clock.read_value())
        present_k = 324.5
        for setpoint_k in SETPOINTS_K:
            for number in range(reactors):
                node = client.get_node(f"ns=2;s=R{101 + number}.TIC{101 + number}.SP")
                await node.write_value(ua.Variant(setpoint_k, ua.VariantType.Double))
            takes_s = abs(setpoint_k - present_k) / RAMP_K_PER_MIN * 60.0 + SETTLES_S + HOLDS_S
            end = now + round(takes_s * TICKS_PER_SECOND)
            start, moved_at = now, time.monotonic()
            while now < end:
                await asyncio.sleep(0.02)
                before, now = now, ticks_from_datetime(await clock.read_value())
                if now > before:
                    moved_at = time.monotonic()
                assert time.monotonic() - moved_at < STANDS_STILL_S, "plant time does not move"
            moves.append((start, now, setpoint_k))
            present_k = setpoint_k
    return moves


def _check(reactor: str, times: np.ndarray, values: np.ndarray, moves: list[tuple[int, int, float]]) -> None:
    before_k = values[0]
    for start, end, setpoint_k in moves:
        during = (times >= start) & (times < end)
        direction = np.sign(setpoint_k - before_k)
        past = (direction * (values[during] - setpoint_k)).max()
        held = (times >= end - HOLDS_S * TICKS_PER_SECOND) & (times < end)
        off = np.abs(values[held] - setpoint_k).max()
        print(f"{reactor} to {setpoint_k} K: at most {past:.2f} K past it, then within {off:.2f} K for 10 min")
        assert past <= PAST_SETPOINT_K
        assert off <= WITHIN_K
        before_k = setpoint_k
