"""The reactor: exothermic A -> B in a jacketed, perfectly mixed tank.

Source: Seborg, Edgar, Mellichamp, Doyle: Process Dynamics and Control, the CSTR of chapter 2. Minutes inside the
equations, seconds everywhere else. Scalar, array and filter code all use `derivatives`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

Number = Any
"""A float, or a float64 array with one element for each reactor."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What does not move while a reactor runs.

    Raises:
        ValueError: naming the parameter, its value and what is allowed.
    """

    volume_l: float = 100.0
    density_g_per_l: float = 1000.0
    heat_capacity_j_per_g_k: float = 0.239
    heat_of_reaction_j_per_mol: float = 5e4
    """-dH: positive for an exothermic reaction."""
    activation_temperature_k: float = 8750.0
    """E/R."""
    k0_per_min: float = 7.2e10
    ua_j_per_min_k: float = 5e4
    feed_flow_l_per_min: float = 100.0
    feed_temperature_k: float = 350.0
    feed_concentration_mol_per_l: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                message = f"{field.name}: {value!r}: allowed is a finite number"
                raise ValueError(message)
            if value < 0 or (value == 0 and field.name not in _MAY_BE_ZERO):
                least = "0 or more" if field.name in _MAY_BE_ZERO else "above 0"
                message = f"{field.name}: {value!r}: allowed is {least}"
                raise ValueError(message)

    @property
    def heating_k_l_per_mol(self) -> float:
        """(-dH)/(rho Cp): kelvin for each mol/L that has reacted."""
        return self.heat_of_reaction_j_per_mol / (self.density_g_per_l * self.heat_capacity_j_per_g_k)


_MAY_BE_ZERO = ("heat_of_reaction_j_per_mol", "k0_per_min", "ua_j_per_min_k", "feed_flow_l_per_min")
DEFAULT = Parameters()

START_CA_MOL_PER_L = 0.87725294608097
START_T_K = 324.475443431599
START_TC_K = 300.0
JACKET_LIMITS_K = (250.0, 350.0)


class State(NamedTuple):
    """mol/L, mol/L, K."""

    ca: Number
    cb: Number
    t: Number


class Inputs(NamedTuple):
    """K, K, mol/L, L/min, 1/min, J/(min K)."""

    tc: Number
    tf: Number
    caf: Number
    q: Number
    k0: Number
    ua: Number


def nominal_inputs(tc: Number, params: Parameters = DEFAULT) -> Inputs:
    """Return the inputs at this jacket temperature with everything else as designed."""
    return Inputs(
        tc,
        params.feed_temperature_k,
        params.feed_concentration_mol_per_l,
        params.feed_flow_l_per_min,
        params.k0_per_min,
        params.ua_j_per_min_k,
    )


def exp(x: Number) -> Number:
    """Return e**x; floats and arrays share numpy's, so that both paths agree to the bit."""
    return float(np.exp(x)) if isinstance(x, float) else np.exp(x)


def rate_constant(t_k: Number, k0: Number, params: Parameters = DEFAULT) -> Number:
    """Return k in 1/min (Arrhenius)."""
    return k0 * exp(-params.activation_temperature_k / t_k)


def derivatives(t: float, x: State, u: Inputs, params: Parameters = DEFAULT) -> State:
    """Return dx/dt in mol/(L min), mol/(L min), K/min; time itself does not enter."""
    del t
    dilution = u.q / params.volume_l
    rate = rate_constant(x.t, u.k0, params) * x.ca
    cooling = u.ua / (params.volume_l * params.density_g_per_l * params.heat_capacity_j_per_g_k)
    return State(
        dilution * (u.caf - x.ca) - rate,
        rate - dilution * x.cb,
        dilution * (u.tf - x.t) + params.heating_k_l_per_mol * rate + cooling * (u.tc - x.t),
    )


def conversion(ca: Number, caf: Number) -> Number:
    """Return X, the share of A that has reacted; 0 where no A is fed."""
    if isinstance(ca, float):
        return 1.0 - ca / caf if caf > 0 else 0.0
    return np.where(caf > 0, 1.0 - ca / np.where(caf > 0, caf, 1.0), 0.0)


def heat_removed_kw(t_k: Number, tc_k: Number, ua: Number) -> Number:
    """Return Qc, the heat that the jacket takes, from J/min."""
    return ua * (t_k - tc_k) / 60_000.0


def steady_states(tc_k: float, params: Parameters = DEFAULT, points: int = 4001) -> list[State]:
    """Return every steady state at this jacket temperature, coldest first (one, or three between the folds)."""
    inputs = nominal_inputs(tc_k, params)
    dilution = inputs.q / params.volume_l

    def at(t: float) -> State:
        k = rate_constant(t, inputs.k0, params)
        ca = dilution * inputs.caf / (dilution + k)
        return State(ca, inputs.caf - ca, t)

    def residual(t: float) -> float:
        return float(derivatives(0.0, at(t), inputs, params).t)

    low = min(tc_k, inputs.tf) - 1.0
    high = max(tc_k, inputs.tf) + params.heating_k_l_per_mol * inputs.caf + 1.0
    grid = [float(t) for t in np.linspace(low, high, points)]
    found: list[State] = []
    for left, right in itertools.pairwise(grid):
        if residual(left) * residual(right) < 0:
            found.append(at(_bisect(residual, left, right)))
    return found


def _bisect(function: Any, left: float, right: float) -> float:
    sign = function(left) > 0
    while True:
        middle = 0.5 * (left + right)
        if middle in (left, right):
            return middle
        if (function(middle) > 0) == sign:
            left = middle
        else:
            right = middle
