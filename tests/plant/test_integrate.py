"""RK4 with substeps chosen beforehand, against an independent high-order integrator."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from plant.integrate import SCALAR_BELOW, advance, substeps
from plant.reactor import DEFAULT, Inputs, State, derivatives, nominal_inputs

SCAN_S = 0.1


def exact(x: np.ndarray, inputs: Inputs, dt_s: float) -> np.ndarray:
    solved = solve_ivp(
        lambda _t, y: derivatives(0.0, State(*y.tolist()), inputs),
        (0.0, dt_s / 60.0),
        x,
        method="DOP853",
        rtol=1e-13,
        atol=1e-14,
    )
    assert solved.success
    return solved.y[:, -1]


@pytest.mark.parametrize(
    ("start", "tc_k"),
    [((0.5, 0.5, 350.0), 300.0), ((0.67, 0.33, 345.0), 315.0)],
    ids=["normal", "igniting"],
)
def test_600_scans_stay_within_1e_6(start: tuple[float, float, float], tc_k: float) -> None:
    inputs = nominal_inputs(tc_k)
    ours = np.array(start)[:, None]
    theirs = np.array(start)
    hottest = worst = 0.0
    for _ in range(600):
        ours = advance(ours, np.array(inputs)[:, None], SCAN_S)
        theirs = exact(theirs, inputs, SCAN_S)
        worst = max(worst, abs(ours[0, 0] - theirs[0]) / max(theirs[0], 1e-3), abs(ours[2, 0] / theirs[2] - 1.0))
        hottest = max(hottest, float(theirs[2]))
    assert worst < 1e-6
    assert (hottest > 450.0) == (tc_k > 310.0), "the run did not do what it is there for"


def test_one_fixed_step_would_fail_at_ignition() -> None:
    inputs = Inputs(*nominal_inputs(315.0))
    x = State(0.6, 0.4, 430.0)
    assert substeps(x, inputs, SCAN_S / 60.0, DEFAULT, 0.1) > 1
    assert substeps(State(0.5, 0.5, 350.0), inputs, SCAN_S / 60.0, DEFAULT, 0.1) == 1


def test_a_trajectory_does_not_depend_on_who_else_is_simulated() -> None:
    rng = np.random.default_rng(3)
    count = 2 * SCALAR_BELOW
    x = np.stack([rng.uniform(0.1, 0.9, count), rng.uniform(0, 0.5, count), rng.uniform(300, 460, count)])
    u = np.repeat(np.array(nominal_inputs(305.0))[:, None], count, axis=1)
    u[0] = rng.uniform(280, 330, count)
    together, alone = x, x.copy()
    for _ in range(50):
        together = advance(together, u, SCAN_S)
        alone = np.hstack([advance(alone[:, [one]], u[:, [one]], SCAN_S) for one in range(count)])
    assert np.array_equal(together, alone)
