"""At most one sample a signal in a time: pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_NEVER = -(2**62)


class Thinning:
    """What one stream of samples has kept last; live samples and those read back are two streams."""

    def __init__(self, interval: int, signals: int) -> None:
        self._interval = interval
        """Ticks; 0 keeps all."""
        self._kept = np.full(signals, _NEVER, np.int64)
        """When, of each signal."""

    def keeps(self, signals: NDArray[np.int32], times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which samples are kept, and remember them; one before the last kept is behind a jump of plant time."""
        keeps = np.ones(len(signals), np.bool_)
        if self._interval == 0:
            return keeps
        is_alone = np.bincount(signals)[signals] == 1
        keeps[is_alone] = self._keeps(signals[is_alone], times[is_alone])
        for row in np.flatnonzero(~is_alone).tolist():  # each depends on the one before of its signal
            keeps[row : row + 1] = self._keeps(signals[row : row + 1], times[row : row + 1])
        return keeps

    def _keeps(self, signals: NDArray[np.int32], times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Do so where no signal comes twice."""
        since = times - self._kept[signals]
        keeps: NDArray[np.bool_] = (since < 0) | (since >= self._interval)
        self._kept[signals[keeps]] = times[keeps]
        return keeps
