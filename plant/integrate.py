"""Classical Runge-Kutta of order 4, with the substep of each reactor chosen before the scan.

A fixed step fails at ignition, where the fastest time constant falls a hundredfold within a scan. The number of
substeps is ceil(h lambda / eta) with lambda = k(T) + q/V + |dT/dt| E/T^2, so it is known before the scan starts and
costs the same in every run. It is each reactor's own, so a trajectory does not depend on who else is simulated.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from plant.reactor import DEFAULT, Inputs, Number, Parameters, State, derivatives, rate_constant

ETA = 0.08
"""Substep in units of the fastest time constant."""
SCALAR_BELOW = 25
"""Fewer reactors are faster one by one than as arrays."""
BLOCK = 4096
"""Reactors advanced together: their working set fits the second-level cache."""

Floats = NDArray[np.float64]


def advance(x: Floats, u: Floats, dt_s: float, params: Parameters = DEFAULT, eta: float = ETA) -> Floats:
    """Return the states after `dt_s` seconds with inputs held; `x` is (3, N) as `State`, `u` (6, N) as `Inputs`."""
    count = x.shape[1]
    if count < SCALAR_BELOW:
        return _advance_each(x, u, dt_s, params, eta)
    if count <= BLOCK:
        return _advance_block(x, u, dt_s, params, eta)
    parts = [slice(start, start + BLOCK) for start in range(0, count, BLOCK)]
    return np.concatenate([_advance_block(x[:, part], u[:, part], dt_s, params, eta) for part in parts], axis=1)


def substeps(x: State, u: Inputs, dt_min: float, params: Parameters, eta: float) -> Number:
    """Return how many steps each reactor takes, at least 1."""
    slope = derivatives(0.0, x, u, params).t
    fastest = (
        rate_constant(x.t, u.k0, params)
        + u.q / params.volume_l
        + abs(slope) * (params.activation_temperature_k / (x.t * x.t))
    )
    needed = dt_min * fastest / eta
    if isinstance(needed, float):
        return max(1, math.ceil(needed))
    return np.maximum(1, np.ceil(needed)).astype(np.int64)


def rk4_step(x: State, u: Inputs, h: Number, params: Parameters) -> State:
    """Return the state after one step of `h` minutes."""
    half = 0.5 * h
    a = derivatives(0.0, x, u, params)
    b = derivatives(0.0, State(x.ca + half * a.ca, x.cb + half * a.cb, x.t + half * a.t), u, params)
    c = derivatives(0.0, State(x.ca + half * b.ca, x.cb + half * b.cb, x.t + half * b.t), u, params)
    d = derivatives(0.0, State(x.ca + h * c.ca, x.cb + h * c.cb, x.t + h * c.t), u, params)
    sixth = h / 6.0
    return State(
        x.ca + sixth * (a.ca + 2.0 * (b.ca + c.ca) + d.ca),
        x.cb + sixth * (a.cb + 2.0 * (b.cb + c.cb) + d.cb),
        x.t + sixth * (a.t + 2.0 * (b.t + c.t) + d.t),
    )


def _advance_each(x: Floats, u: Floats, dt_s: float, params: Parameters, eta: float) -> Floats:
    dt_min = dt_s / 60.0
    result = np.empty_like(x)
    columns = zip(x.T.tolist(), u.T.tolist(), strict=True)
    for index, (state_values, input_values) in enumerate(columns):
        state, inputs = State(*state_values), Inputs(*input_values)
        steps = substeps(state, inputs, dt_min, params, eta)
        h = dt_min / steps
        for _ in range(steps):
            state = rk4_step(state, inputs, h, params)
        result[:, index] = state
    return result


def _advance_block(x: Floats, u: Floats, dt_s: float, params: Parameters, eta: float) -> Floats:
    dt_min = dt_s / 60.0
    state, inputs = State(*x), Inputs(*u)
    steps = substeps(state, inputs, dt_min, params, eta)
    most = int(steps.max())
    if most == 1:
        return np.stack(rk4_step(state, inputs, dt_min, params))
    # Busiest first: those still under way are a prefix, so nothing is copied between substeps.
    order = np.argsort(-steps, kind="stable")
    moved, held = x[:, order], u[:, order]
    h = dt_min / steps[order]
    under_way = np.searchsorted(-steps[order], -np.arange(most), side="left")
    for active in under_way.tolist():
        moved[:, :active] = rk4_step(State(*moved[:, :active]), Inputs(*held[:, :active]), h[:active], params)
    result = np.empty_like(x)
    result[:, order] = moved
    return result
