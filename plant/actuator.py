"""The jacket's temperature control valve: a first-order lag with limits."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from plant.reactor import JACKET_LIMITS_K

LAG_S = 3.0


def respond(
    actual_k: NDArray[np.float64], demand_k: NDArray[np.float64], dt_s: float, lag_s: float = LAG_S
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (jacket temperature after `dt_s`, its mean over the interval), exact for a held demand.

    Without lag both are the demand, within the limits.
    """
    wanted = np.clip(demand_k, *JACKET_LIMITS_K)
    if lag_s <= 0.0:
        return wanted, wanted
    kept = math.exp(-dt_s / lag_s)
    gap = actual_k - wanted
    return wanted + gap * kept, wanted + gap * (lag_s / dt_s * (1.0 - kept))
