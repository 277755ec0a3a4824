"""The verdict on every reactor, once an interval; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.stream.expectation import FEATURES, Lags, features
from detector.stream.model import NAMED, NORMAL_FOREST, Averages, Floats, Model, forest_score

CLEAR_BELOW = 0.8
"""An episode ends when the score has stayed below this share of its limit..."""
CLEAR_AFTER_S = 10.0
"""...for so long."""
_NAMED = [FEATURES.index(name) for name in NAMED]


@dataclass(frozen=True, slots=True)
class Scores:
    """What one interval says, arrays of one element a reactor."""

    score: Floats
    """1 is the limit; 0 where the reactor is not judged."""
    cause: list[str]
    """What stands furthest out, e.g. `T high`, whether or not it is beyond its limit."""
    deviation: Floats
    """Averaged deviation of each feature, standard deviations, shape (reactors, features)."""


class Judge:
    """Follows reactors through time; those whose loop is not in AUTO are not judged: normal was learnt there."""

    def __init__(self, model: Model, reactors: int) -> None:
        self._model = model
        self._lags = Lags(np.full(reactors, np.nan))
        self._averages = Averages.at_rest(reactors, NORMAL_FOREST)
        self.time = 0
        """Of the last step, ticks; 0 before the first."""

    def remember(self, wsp_k: Floats, dt_s: float) -> None:
        """Take a working setpoint of the past, NaN where it is not known, so that a ramp under way is known."""
        self._lags.advance(wsp_k, dt_s)

    def step(self, columns: Mapping[str, Floats], wsp_k: Floats, judged: NDArray[np.bool_], dt_s: float) -> Scores:
        """Return the scores after `dt_s` more seconds; values of reactors that are not judged may be NaN.

        Outside AUTO T itself stands for the working setpoint, so that the loop may come back wherever it has got to.
        """
        lagging = np.nan_to_num(self._lags.advance(np.where(judged, wsp_k, columns["T"]), dt_s))
        wsp_k = np.where(judged, wsp_k, 0.0)
        seen = np.where(judged[:, None], features(columns, wsp_k), 0.0)
        deviation = self._model.expectation.deviations(seen, wsp_k, lagging)
        deviation[~judged] = 0.0
        self._averages.deviation[~judged] = 0.0
        self._averages.forest[~judged] = NORMAL_FOREST
        self._averages.advance(deviation, forest_score(self._model.forest, deviation), dt_s)
        share = np.abs(self._averages.deviation) / self._model.limits
        forest = self._averages.forest / self._model.forest_limit
        score = np.where(judged, np.maximum(share.max(axis=1), forest), 0.0)
        return Scores(score, [self._furthest(row) for row in range(len(score))], self._averages.deviation)

    def _furthest(self, reactor: int) -> str:
        deviation = self._averages.deviation[reactor, _NAMED]
        place = int(np.argmax(np.abs(deviation) / self._model.limits[_NAMED]))
        return f"{NAMED[place]} {'high' if deviation[place] > 0 else 'low'}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one reactor; times are ticks of plant time."""

    anomaly: bool = False
    cause: str = ""
    since: int = 0
    peak: float = 0.0
    """The worst score of the episode."""
    quiet_s: float = 0.0
    """How long the score has been below its clearing level."""

    def after(self, score: float, cause: str, now: int, dt_s: float) -> Verdict:
        """Return the verdict one interval later; the cause is what stood out at the episode's start."""
        if not self.anomaly:
            if score > 1.0:
                return Verdict(True, cause, now, score)
            return self if self.since else Verdict(since=now)
        quiet_s = self.quiet_s + dt_s if score < CLEAR_BELOW else 0.0
        if quiet_s >= CLEAR_AFTER_S:
            return Verdict(since=now)
        return Verdict(True, self.cause, self.since, max(self.peak, score), quiet_s)
