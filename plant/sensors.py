"""Transmitters: what is measured of the true plant, with noise and resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Sensor:
    """One transmitter of a reactor."""

    signal: str
    """What it shows, e.g. `TB`."""
    source: str
    """The true quantity that it measures, e.g. `T`."""
    noise_sd: float
    decimals: int
    """Resolution: 2 is 0.01."""
    low: float
    high: float
    """Of its range, where it saturates."""


SENSORS = (
    Sensor("T", "T", 0.2, 2, 250, 550),
    Sensor("TB", "T", 0.2, 2, 250, 550),
    Sensor("Ca", "Ca", 0.005, 4, 0, 2),
    Sensor("Cb", "Cb", 0.005, 4, 0, 2),
    Sensor("TcActual", "TcActual", 0.2, 2, 200, 400),
    Sensor("Tf", "Tf", 0.2, 2, 250, 450),
    Sensor("Caf", "Caf", 0.005, 4, 0, 3),
    Sensor("q", "q", 1.0, 2, 0, 250),
)
SENSOR_OF = {sensor.signal: sensor for sensor in SENSORS}
ROW_OF = {sensor.signal: row for row, sensor in enumerate(SENSORS)}
"""Where a transmitter stands among them, in arrays of all."""


def measure(
    sensor: Sensor,
    true: NDArray[np.float64],
    normals: NDArray[np.float64],
    offset: NDArray[np.float64] | float,
) -> NDArray[np.float64]:
    """Return what the transmitter shows; `offset` is the sum of its faults, before rounding."""
    shown = np.clip(true + sensor.noise_sd * normals + offset, sensor.low, sensor.high)
    return np.round(shown, sensor.decimals)
