"""Random numbers as a pure function of seed, reactor and scan: independent of speed and of the number of reactors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK_SCANS = 64


class NoiseSource:
    """Standard normal numbers, `width` for each reactor and scan, drawn in blocks from a counter-based generator.

    The scan number alone says where the sequence stands, so a checkpoint need not keep any generator.
    """

    def __init__(self, seed: int, reactors: int, width: int) -> None:
        self._seed = seed
        self._reactors = reactors
        self._width = width
        self._block = -1
        self._numbers: NDArray[np.float64] = np.empty((0, 0, 0))

    def at(self, scan: int) -> NDArray[np.float64]:
        """Return the numbers of one scan, shape (width, reactors)."""
        block, row = divmod(scan, BLOCK_SCANS)
        if block != self._block:
            self._numbers = np.stack([self._draw(reactor, block) for reactor in range(self._reactors)], axis=2)
            self._block = block
        numbers: NDArray[np.float64] = self._numbers[row]
        return numbers

    def _draw(self, reactor: int, block: int) -> NDArray[np.float64]:
        bits = np.random.Philox(key=[self._seed, reactor], counter=[0, 0, 0, block])
        return np.random.Generator(bits).standard_normal((BLOCK_SCANS, self._width))
