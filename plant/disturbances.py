"""Slow drift of feed and catalyst: Ornstein-Uhlenbeck processes, seeded, part of normal operation."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

DRIFTS = {"Tf": 1.0, "Caf": 0.01, "q": 1.0, "k0": 0.01}
"""Stationary standard deviation: K, mol/L, L/min, and a fraction of k0 (catalyst activity)."""
TIME_CONSTANT_S = 1200.0


def drift(levels: NDArray[np.float64], normals: NDArray[np.float64], dt_s: float) -> NDArray[np.float64]:
    """Return the drifts after `dt_s`, exact for any interval; both arrays are (4, N), in the order of `DRIFTS`."""
    kept = math.exp(-dt_s / TIME_CONSTANT_S)
    spread = math.sqrt(1.0 - kept * kept)
    sizes = np.array(list(DRIFTS.values()))[:, None]
    moved: NDArray[np.float64] = levels * kept + spread * sizes * normals
    return moved
