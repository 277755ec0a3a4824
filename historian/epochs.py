"""Which epoch of plant time a sample belongs to: pure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.names import PLANT
from runtime.opcua_link.values import Reading

EPOCH = f"{PLANT}.Simulation.Epoch"


class Epochs:
    """The jumps of plant time, as the samples of `Plant.Simulation.Epoch` tell them."""

    def __init__(self) -> None:
        self._begins: list[tuple[int, int]] = []

    def learn(self, readings: Iterable[Reading]) -> None:
        """Take the jumps among these samples."""
        for reading in readings:
            if reading.name == EPOCH and type(reading.value) is int:
                begin = (reading.source_time, reading.value)
                if begin not in self._begins:
                    self._begins.append(begin)

    @property
    def present(self) -> int:
        """The epoch of now."""
        return self._begins[-1][1] if self._begins else 0

    @property
    def begin(self) -> int:
        """When the present epoch began, ticks."""
        return self._begins[-1][0] if self._begins else 0

    def at(self, times: ArrayLike) -> NDArray[np.int64]:
        """Return the epoch of each time (ticks): the later one where plant time was there twice."""
        when = np.asarray(times)
        if self._begins and when.size and when.min() >= self.begin:
            return np.full(when.shape, self.present)
        epochs = np.full(when.shape, self._begins[0][1] if self._begins else 0)
        for begin, epoch in self._begins:
            epochs[when >= begin] = epoch
        return epochs
