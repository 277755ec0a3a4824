"""Which epoch of plant time a sample belongs to: pure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.names import PLANT
from runtime.opcua_link.values import Reading

EPOCH = f"{PLANT}.Simulation.Epoch"


class Epochs:
    """The jumps of plant time, as the samples of `Plant.Simulation.Epoch` tell them, in whatever order."""

    def __init__(self) -> None:
        self._begins: dict[int, int] = {}
        """When each epoch began, ticks, in order of epoch: a later one may begin at an earlier time."""

    def learn(self, readings: Iterable[Reading]) -> None:
        """Take the jumps among these samples."""
        for reading in readings:
            if reading.name == EPOCH and type(reading.value) is int:
                known = self._begins.get(reading.value, reading.source_time)
                self._begins[reading.value] = min(known, reading.source_time)
        self._begins = dict(sorted(self._begins.items()))

    @property
    def present(self) -> int:
        """The epoch of now."""
        return max(self._begins, default=0)

    def begin_behind(self, epoch: int) -> int:
        """Return the earliest time (ticks) of all epochs that came after one; of the present one where none did."""
        later = [begin for each, begin in self._begins.items() if each > epoch]
        return min(later) if later else self._begins.get(self.present, 0)

    def at(self, times: ArrayLike) -> NDArray[np.int64]:
        """Return the epoch of each time (ticks): the later one where plant time was there twice."""
        when = np.asarray(times)
        if self._begins and when.size and when.min() >= self._begins[self.present]:
            return np.full(when.shape, self.present)
        epochs = np.full(when.shape, min(self._begins, default=0))
        for epoch, begin in self._begins.items():
            epochs[when >= begin] = epoch
        return epochs
