"""The training run: the plant itself, its PID, setpoints 300..390 K with ramps; pure, seeded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plant import pid
from plant.clock import ticks_from_seconds
from plant.simulation import Plant, PlantConfig

Floats = NDArray[np.float64]

SCAN_S, EXECUTION_SCANS, SAMPLE_SCANS = 0.1, 5, 10
BEFORE_S = 300.0
"""In MAN before the loops go to AUTO; its samples are left out."""
COLD_TC_K = (250.0, 302.0)
"""Half of the reactors start at the usual state, half from a jacket in this range, below ignition."""
SP_RANGE_K = (300.0, 390.0)
MEAN_HOLD_S = 420.0
SIGNALS = ("T", "Caf", "q", "X", "r", "Ca")
INTERVAL_S = SAMPLE_SCANS * SCAN_S


@dataclass(frozen=True, slots=True)
class NormalRun:
    """One sample a second; arrays of shape (samples, reactors)."""

    columns: dict[str, Floats]
    """T, Caf, q, X, r, Ca as transmitted."""
    wsp_k: Floats
    """Working setpoint."""


def simulate(reactors: int, seconds: float, seed: int, progress: Callable[[float], None]) -> NormalRun:
    """Run the plant in normal operation; `progress` is told the share that is done."""
    rng = np.random.default_rng(seed)
    plant = Plant(PlantConfig(reactors=reactors, seed=seed), 0)
    scan = ticks_from_seconds(SCAN_S)
    cold = np.arange(reactors) % 2 == 1
    plant.tc_demand = np.where(cold, rng.uniform(*COLD_TC_K, reactors), plant.tc_demand)
    before, during = round(BEFORE_S / SCAN_S), round(seconds / SCAN_S)
    for _ in range(before):
        plant.advance(scan)
    state = pid.start(plant.measured["T"].copy(), plant.tc_demand.copy(), pid.Tuning())
    setpoint = rng.uniform(*SP_RANGE_K, reactors)
    rows: list[Floats] = []
    for number in range(during):
        if number % EXECUTION_SCANS == 0:
            interval_s = EXECUTION_SCANS * SCAN_S
            moved = rng.random(reactors) < interval_s / MEAN_HOLD_S
            setpoint = np.where(moved, rng.uniform(*SP_RANGE_K, reactors), setpoint)
            state = pid.execute(state, plant.measured["T"], setpoint, interval_s, state.tuning)
            plant.tc_demand = state.output_k
        plant.advance(scan)
        if number % SAMPLE_SCANS == SAMPLE_SCANS - 1:
            rows.append(np.stack([*(plant.measured[name] for name in SIGNALS), state.wsp_k]))
            progress((number + 1) / during)
    samples = np.stack(rows, axis=1)
    return NormalRun(dict(zip(SIGNALS, samples[:-1], strict=True)), samples[-1])
