"""The control laws: bumpless, without wind-up, and the reference law's own trajectory."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from plant import pid
from plant.pid import ReferenceState, Tuning
from plant.reactor import START_CA_MOL_PER_L, START_T_K, State, derivatives, nominal_inputs


def test_taking_over_does_not_bump() -> None:
    state = pid.start(340.0, 297.0, Tuning())
    assert state.output_k == 297.0
    after = pid.execute(state, 340.0, 340.0, 0.5, state.tuning)
    assert after.output_k == pytest.approx(297.0, abs=1e-9)


def test_resuming_under_way_does_not_bump() -> None:
    state = pid.resume(341.0, 340.4, 305.0, Tuning())
    after = pid.execute(state, 340.4, 341.0, 0.5, state.tuning)
    assert after.output_k == pytest.approx(305.0, abs=0.05)


def test_new_tuning_does_not_bump() -> None:
    state = pid.execute(pid.start(340.0, 297.0, Tuning()), 341.0, 345.0, 0.5, Tuning())
    retuned = pid.execute(state, 341.0, 345.0, 1e-9, Tuning(kc=12.0, ti_s=20.0, td_s=5.0))
    assert retuned.output_k == pytest.approx(state.output_k, abs=1e-6)


def test_the_working_setpoint_ramps_and_arrives() -> None:
    state = pid.start(340.0, 300.0, Tuning(sp_rate_k_per_min=6.0))
    for _ in range(20):
        state = pid.execute(state, 340.0, 350.0, 0.5, state.tuning)
    assert state.wsp_k == pytest.approx(341.0)
    for _ in range(400):
        state = pid.execute(state, 340.0, 350.0, 0.5, state.tuning)
    assert state.wsp_k == 350.0


def test_it_does_not_wind_up() -> None:
    state = pid.start(340.0, 300.0, Tuning(sp_rate_k_per_min=20.0))
    for _ in range(2000):
        state = pid.execute(state, 300.0, 390.0, 0.5, state.tuning)
    assert state.output_k == 350.0
    after = pid.execute(state, 395.0, 390.0, 0.5, state.tuning)
    assert after.output_k < 340.0


def test_loops_as_an_array_are_loops_one_by_one() -> None:
    rng = np.random.default_rng(1)
    pv = rng.uniform(310, 380, (30, 5))
    together = pid.start(pv[0], np.full(5, 300.0), Tuning())
    alone = [pid.start(float(value), 300.0, Tuning()) for value in pv[0]]
    for row in pv[1:]:
        together = pid.execute(together, row, np.full(5, 350.0), 0.5, together.tuning)
        alone = [
            pid.execute(state, float(value), 350.0, 0.5, state.tuning) for state, value in zip(alone, row, strict=True)
        ]
    assert together.output_k.tolist() == [state.output_k for state in alone]


def test_the_reference_law_on_an_exact_reactor() -> None:
    x = np.array([START_CA_MOL_PER_L, 1.0 - START_CA_MOL_PER_L, START_T_K])
    state = ReferenceState()
    hottest = area = 0.0
    for sample in range(pid.REFERENCE_SAMPLES):
        hottest = max(hottest, x[2])
        area += abs(pid.reference_setpoint_k(sample) - x[2]) * pid.REFERENCE_INTERVAL_MIN
        state = pid.execute_reference(state, float(x[2]))
        if sample == 0:
            assert state.integral_k_min == pytest.approx(0.81577, abs=1e-5)
            assert state.output_k == 250.0
        inputs = nominal_inputs(state.output_k)
        solved = solve_ivp(
            lambda _t, y, inputs=inputs: derivatives(0.0, State(*y.tolist()), inputs),
            (0.0, pid.REFERENCE_INTERVAL_MIN),
            x,
            method="DOP853",
            rtol=1e-12,
            atol=1e-12,
        )
        x = solved.y[:, -1]
    assert hottest == pytest.approx(398.397, abs=1e-3)
    assert area == pytest.approx(14.098, abs=1e-3)
