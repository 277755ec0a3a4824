"""The present hour of each reactor, for its summary; kept over restarts."""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.stream.model import Floats, Model
from detector.summary import STREAM, Reference, Summary, summarize
from plant.clock import TICKS_PER_SECOND, datetime_from_ticks

log = logging.getLogger("detector")

HOUR_TICKS = 3600 * TICKS_PER_SECOND
COLUMNS = ("T", "Caf", "q")


class Window:
    """One hour of one reactor."""

    def __init__(self, start: int) -> None:
        self.start = start
        """Ticks of plant time, a full hour."""
        self.rows: list[tuple[float, float, float]] = []
        """T, Caf and q of the rows taken for normal."""
        self.anomalies = 0

    def summary(self, reactor: str, model: Model) -> Summary:
        """Return the hour as it stands; tested against the training window."""
        t, caf, q = np.array(self.rows, np.float64).reshape(-1, len(COLUMNS)).T
        start: datetime = datetime_from_ticks(self.start)
        reference = Reference(model.training_t_k, model.training_caf_mol_per_l)
        return summarize(STREAM, reactor, (start, start + timedelta(hours=1)), (t, caf, q), self.anomalies, reference)


class Windows:
    """The windows of all reactors."""

    def __init__(self, reactors: list[str]) -> None:
        self._windows = {reactor: Window(0) for reactor in reactors}

    def add(
        self,
        now: int,
        columns: Mapping[str, Floats],
        judged: NDArray[np.bool_],
        anomaly: NDArray[np.bool_],
    ) -> dict[str, Window]:
        """Take one row of each judged reactor; return the windows that have just ended."""
        start = now - now % HOUR_TICKS
        ended: dict[str, Window] = {}
        for index, (reactor, window) in enumerate(self._windows.items()):
            if window.start != start:
                if window.rows or window.anomalies:
                    ended[reactor] = window
                window = self._windows[reactor] = Window(start)
            if judged[index]:
                if anomaly[index]:
                    window.anomalies += 1
                else:
                    window.rows.append(tuple(float(columns[name][index]) for name in COLUMNS))  # type: ignore[arg-type]
        return ended

    def present(self) -> dict[str, Window]:
        """Return those that have rows."""
        return {name: window for name, window in self._windows.items() if window.rows or window.anomalies}

    def save(self, path: Path) -> None:
        """Keep all windows, whole or not at all."""
        arrays: dict[str, Any] = {}
        for reactor, window in self._windows.items():
            arrays[f"{reactor}.rows"] = np.array(window.rows, np.float64).reshape(-1, len(COLUMNS))
            arrays[f"{reactor}.facts"] = np.array([window.start, window.anomalies], np.int64)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(buffer.getvalue())
        temporary.replace(path)

    def load(self, path: Path) -> None:
        """Go on with what was kept; a file that is absent or damaged is as none."""
        found: dict[str, Window] = {}
        try:
            with np.load(path, allow_pickle=False) as kept:
                for reactor in self._windows:
                    if f"{reactor}.facts" in kept:
                        start, anomalies = kept[f"{reactor}.facts"].tolist()
                        window = found[reactor] = Window(start)
                        window.anomalies = anomalies
                        window.rows = [tuple(row) for row in kept[f"{reactor}.rows"].reshape(-1, len(COLUMNS)).tolist()]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
            log.warning("%s is damaged (%s: %s); the hour begins anew", path, type(error).__name__, error)
            return
        self._windows |= found
