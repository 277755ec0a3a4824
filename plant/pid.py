"""The control laws, pure: the running plant's PI(D) with a setpoint ramp, and the reference run's.

Both work on floats and, element by element, on arrays of loops: controller, training and benchmarks share them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plant.reactor import JACKET_LIMITS_K

Number = Any
"""A float, or a float64 array with one element for each loop."""

DERIVATIVE_FILTER = 10.0
"""TD over the time constant of the filter on the derivative."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """The faceplate's figures, with their defaults."""

    kc: Number = 6.0
    """K/K."""
    ti_s: Number = 48.0
    td_s: Number = 0.0
    sp_rate_k_per_min: Number = 5.0
    """Ramp of the working setpoint."""


@dataclass(frozen=True, slots=True)
class PidState:
    """What a loop remembers between executions."""

    wsp_k: Number
    """Working setpoint."""
    integral_k: Number
    """The integral part of the output, bias included."""
    pv_k: Number
    """The last process variable."""
    slope_k_per_s: Number
    """Its filtered derivative."""
    tuning: Tuning
    output_k: Number


def start(pv_k: Number, output_k: Number, tuning: Tuning) -> PidState:
    """Take over without a bump: the ramp starts from PV, the first output is the present one."""
    return PidState(pv_k, output_k, pv_k, 0.0 * pv_k, tuning, output_k)


def resume(wsp_k: Number, pv_k: Number, output_k: Number, tuning: Tuning) -> PidState:
    """Take over a loop whose ramp was under way: the present output again, at the present working setpoint."""
    return PidState(wsp_k, output_k - tuning.kc * (wsp_k - pv_k), pv_k, 0.0 * pv_k, tuning, output_k)


def execute(state: PidState, pv_k: Number, sp_k: Number, dt_s: float, tuning: Tuning) -> PidState:
    """Return the loop's state, output included, after one execution `dt_s` seconds after the last.

    Positional PI with the derivative on PV. Against wind-up the integral stands still where it would drive the
    output further over a limit. New tuning moves the integral so that the output does not jump.
    """
    if tuning != state.tuning:
        state = _retuned(state, tuning)
    step = tuning.sp_rate_k_per_min / 60.0 * dt_s
    wsp = state.wsp_k + np.clip(sp_k - state.wsp_k, -step, step)
    error = wsp - pv_k
    smoothing = dt_s / (dt_s + tuning.td_s / DERIVATIVE_FILTER)
    slope = state.slope_k_per_s + smoothing * ((pv_k - state.pv_k) / dt_s - state.slope_k_per_s)
    direct = tuning.kc * error - tuning.kc * tuning.td_s * slope
    growth = tuning.kc / tuning.ti_s * error * dt_s
    wanted = direct + state.integral_k + growth
    low, high = JACKET_LIMITS_K
    winding = ((wanted > high) & (growth > 0)) | ((wanted < low) & (growth < 0))
    integral = state.integral_k + np.where(winding, 0.0, growth)
    output = np.clip(direct + integral, low, high)
    return PidState(_plain(wsp), _plain(integral), pv_k, _plain(slope), tuning, _plain(output))


def _retuned(state: PidState, tuning: Tuning) -> PidState:
    old = state.tuning
    error = state.wsp_k - state.pv_k
    before = old.kc * (error - old.td_s * state.slope_k_per_s)
    after = tuning.kc * (error - tuning.td_s * state.slope_k_per_s)
    return replace(state, integral_k=state.integral_k + before - after, tuning=tuning)


def _plain(value: Number) -> Number:
    return float(value) if np.ndim(value) == 0 else value


REFERENCE_SAMPLES = 300
REFERENCE_INTERVAL_MIN = 0.03333
REFERENCE_INTERVAL_S = 1.9998
REFERENCE_KC = 9.23461230362
REFERENCE_TAU_I_MIN = 0.22836124114
REFERENCE_BIAS_K = 300.0


def reference_setpoint_k(sample: int) -> float:
    """Return SP_i: steps of 7 K every 20 samples, from 300 K."""
    return 300.0 + 7.0 * (sample // 20)


@dataclass(frozen=True, slots=True)
class ReferenceState:
    """The reference law between two samples."""

    sample: int = -1
    """The last executed sample i."""
    integral_k_min: float = 0.0
    """I_i."""
    output_k: float = REFERENCE_BIAS_K
    """Tc_i."""


def execute_reference(state: ReferenceState, t_k: float) -> ReferenceState:
    """Return I_i and Tc_i of the next sample; where Tc_i is clipped, I_i is taken back by e_i dt, at i = 0 too."""
    sample = state.sample + 1
    area = (reference_setpoint_k(sample) - t_k) * REFERENCE_INTERVAL_MIN
    integral = state.integral_k_min + area if sample > 0 else 0.0
    error = reference_setpoint_k(sample) - t_k
    output = REFERENCE_BIAS_K + REFERENCE_KC * error + REFERENCE_KC / REFERENCE_TAU_I_MIN * integral
    low, high = JACKET_LIMITS_K
    if not low <= output <= high:
        output = low if output < low else high
        integral -= area
    return ReferenceState(sample, integral, output)
