"""Samples that are joined as they come."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeseries.columns import DTYPES, Columns


class Growing:
    """Columns with room behind them: a part is copied once when it comes, seldom again, whatever came before it."""

    def __init__(self) -> None:
        self._room: dict[str, NDArray[Any]] = {name: np.empty(0, dtype) for name, dtype in DTYPES.items()}
        self._texts: dict[int, str] = {}
        self._count = 0
        self.newest_place = 0, 0
        """The newest epoch, and the newest time of it."""

    def add(self, part: Columns) -> None:
        """Put a part behind the others."""
        end = self._count + len(part)
        if end > len(self._room["times"]):
            self._room = {name: self._wider(column, 2 * end) for name, column in self._room.items()}
        for name, column in self._room.items():
            column[self._count : end] = getattr(part, name)
        if part.texts:
            self._texts = self._texts | {self._count + row: text for row, text in part.texts.items()}
        self._count = end
        self.newest_place = max(self.newest_place, part.newest_place())

    def columns(self) -> Columns:
        """Return what is there by now; it does not change when more is added."""
        return Columns(**{name: column[: self._count] for name, column in self._room.items()}, texts=self._texts)

    def _wider(self, column: NDArray[Any], room: int) -> NDArray[Any]:
        wider = np.empty(room, column.dtype)
        wider[: self._count] = column[: self._count]
        return wider
