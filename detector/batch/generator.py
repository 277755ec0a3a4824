"""Batch data with labels: the original pipeline's reactor, which is not the plant's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FREQUENCY_FACTOR_PER_S = 1e10
ACTIVATION_ENERGY_J_PER_MOL = 80_000.0
GAS_CONSTANT_J_PER_MOL_K = 8.314
VOLUME_L = 100.0

T_MEAN_K, T_SD_K = 350.0, 3.0
CA0_MEAN_MOL_PER_L, CA0_SD_MOL_PER_L = 1.0, 0.02
Q_RANGE_L_PER_S = (1.0, 1.5)
INPUT_NOISE, OUTPUT_NOISE = 0.03, 0.07
T_NOISE_SD_K = INPUT_NOISE * T_MEAN_K
R_NOISE_SD = 0.2 * OUTPUT_NOISE

NORMAL_T_SD_K = float(np.hypot(T_SD_K, T_NOISE_SD_K))
"""Of a normal row, noise included."""
NORMAL_CA0_SD_MOL_PER_L = float(np.hypot(CA0_SD_MOL_PER_L, INPUT_NOISE))

CAUSES = ("T low", "T high", "Ca0 low", "Ca0 high", "Q low", "Q high")
"""The six anomaly types: each moves exactly one input."""
_MOVED = (
    ("T", 300.0, T_SD_K),
    ("T", 400.0, T_SD_K),
    ("Ca0", 0.01, CA0_SD_MOL_PER_L),
    ("Ca0", 2.0, CA0_SD_MOL_PER_L),
    ("Q", 0.2, 0.5),
    ("Q", 2.0, 2.5),
)
"""Of each cause: the input, and its mean and sd (T, Ca0) or range (Q)."""
COLUMNS = ("T", "Ca0", "Q", "X", "Ca", "r")


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows with their ground truth; arrays of one length."""

    columns: dict[str, Floats]
    """T in K, Ca0 and Ca in mol/L, Q in L/s, X, r in mol/(L s) and negative."""
    label: NDArray[np.int64]
    """1 for an abnormal row."""
    label_cause: list[str]
    """Of `CAUSES`; empty for a normal row."""

    def __len__(self) -> int:
        return len(self.label)


def generate(rows: int, abnormal: float, rng: Generator) -> Batch:
    """Return a shuffled batch, `abnormal` of its rows (rounded) in six types of equal share.

    Raises:
        ValueError: naming what is out of range.
    """
    if rows < 1:
        message = f"rows {rows}: allowed is 1 or more"
        raise ValueError(message)
    if not 0.0 <= abnormal <= 1.0:
        message = f"abnormal {abnormal}: allowed is 0 to 1"
        raise ValueError(message)
    t = rng.normal(T_MEAN_K, T_SD_K, rows)
    ca0 = rng.normal(CA0_MEAN_MOL_PER_L, CA0_SD_MOL_PER_L, rows)
    q = rng.uniform(*Q_RANGE_L_PER_S, rows)
    kind = np.full(rows, -1)
    spoiled = rng.permutation(rows)[: round(rows * abnormal)]
    kind[spoiled] = np.arange(len(spoiled)) % len(CAUSES)
    for number in range(len(CAUSES)):
        moved = kind == number
        column, low, high = _MOVED[number]
        draw = rng.uniform if column == "Q" else rng.normal
        {"T": t, "Ca0": ca0, "Q": q}[column][moved] = draw(low, high, int(moved.sum()))
    t = t + rng.normal(0.0, T_NOISE_SD_K, rows)
    ca0 = ca0 + rng.normal(0.0, INPUT_NOISE, rows)
    q = q + rng.normal(0.0, INPUT_NOISE, rows)
    k = FREQUENCY_FACTOR_PER_S * np.exp(-ACTIVATION_ENERGY_J_PER_MOL / (GAS_CONSTANT_J_PER_MOL_K * t))
    tau_s = VOLUME_L / q
    x = k * tau_s / (1.0 + k * tau_s)
    ca = ca0 * (1.0 - x)
    columns = {
        "T": t,
        "Ca0": ca0,
        "Q": q,
        "X": x + rng.normal(0.0, OUTPUT_NOISE, rows),
        "Ca": ca + rng.normal(0.0, OUTPUT_NOISE, rows),
        "r": -k * ca + rng.normal(0.0, R_NOISE_SD, rows),
    }
    return Batch(columns, (kind >= 0).astype(np.int64), [CAUSES[number] if number >= 0 else "" for number in kind])
