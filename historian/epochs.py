"""Which epoch of plant time a sample belongs to: pure."""

from __future__ import annotations

from collections.abc import Iterable

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

    def at(self, time: int) -> int:
        """Return the epoch of a time (ticks): the later one where plant time was there twice."""
        for begin, epoch in reversed(self._begins):
            if begin <= time:
                return epoch
        return self._begins[0][1] if self._begins else 0
