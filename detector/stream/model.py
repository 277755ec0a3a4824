"""The trained model: expectation, forest and limits, calibrated on a normal run that was not used for fitting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.batch.baseline import RANDOM_STATE, TRAINING_ROWS, TREES
from detector.stream.expectation import FEATURES, FOREST_FEATURES, Expectation, behind, features
from detector.stream.normal_run import INTERVAL_S, NormalRun, simulate

Floats = NDArray[np.float64]

REACTORS, RUN_S = 192, 1200.0
FITTING_SEED, CALIBRATION_SEED = 20_260_001, 20_260_002
FAST_S, SLOW_S = 10.0, 30.0
"""Time constants of the averages: of a feature's deviation, of the forest's score."""
LIMIT_MARGIN, FOREST_MARGIN = 1.4, 0.02
"""Beyond the largest that the calibration run showed."""
NAMED = ("T", "Caf", "Ca", "q")
"""Features with a transmitter of their own; X and r are computed from these."""


@dataclass(frozen=True, slots=True)
class Model:
    """What is normal."""

    expectation: Expectation
    forest: Any
    """scikit-learn's IsolationForest."""
    limits: Floats
    """Of each feature's averaged deviation, standard deviations."""
    forest_limit: float
    """Of the forest's averaged score."""
    training_t_k: Floats
    training_caf_mol_per_l: Floats


@dataclass(slots=True)
class Averages:
    """Exponential averages, per reactor."""

    deviation: Floats
    """Shape (reactors, features)."""
    forest: Floats

    @classmethod
    def at_rest(cls, reactors: int, forest: float) -> Averages:
        """Return those of reactors that are where they should be."""
        return cls(np.zeros((reactors, len(FEATURES))), np.full(reactors, forest))

    def advance(self, deviation: Floats, forest: Floats, dt_s: float) -> None:
        """Take one more row of each reactor, `dt_s` later; no row counts for more than in the calibration run."""
        dt_s = min(dt_s, INTERVAL_S)
        fast, slow = np.exp(-dt_s / FAST_S), np.exp(-dt_s / SLOW_S)
        self.deviation = fast * self.deviation + (1.0 - fast) * deviation
        self.forest = slow * self.forest + (1.0 - slow) * forest


NORMAL_FOREST = 0.45
"""The forest's score of an ordinary row: where an average starts."""


def train(progress: Callable[[float], None]) -> Model:
    """Simulate, fit and calibrate: about ten seconds; `progress` is told the share that is done."""
    from sklearn.ensemble import IsolationForest

    run = simulate(REACTORS, RUN_S, FITTING_SEED, lambda share: progress(0.45 * share))
    expectation = Expectation.learnt(run)
    deviations = _deviations(expectation, run).reshape(-1, len(FEATURES))
    rng = np.random.default_rng(FITTING_SEED)
    rows = rng.choice(len(deviations), TRAINING_ROWS, replace=False)
    forest = IsolationForest(n_estimators=TREES, contamination="auto", random_state=RANDOM_STATE)
    forest.fit(deviations[rows, :FOREST_FEATURES])
    calibration = simulate(REACTORS, RUN_S, CALIBRATION_SEED, lambda share: progress(0.5 + 0.45 * share))
    limits, forest_limit = _calibrated(_deviations(expectation, calibration), forest)
    progress(1.0)
    return Model(
        expectation,
        forest,
        limits,
        forest_limit,
        run.columns["T"].ravel()[rows],
        run.columns["Caf"].ravel()[rows],
    )


def forest_score(forest: Any, deviation: Floats) -> Floats:
    """Return the forest's score of each row, 0 to 1, higher is worse."""
    score: Floats = -forest.score_samples(deviation[:, :FOREST_FEATURES])
    return score


def _deviations(expectation: Expectation, run: NormalRun) -> Floats:
    """Return the deviations of a whole run, shape (samples, reactors, features)."""
    wsp_k = run.wsp_k.ravel()
    seen = features({name: values.ravel() for name, values in run.columns.items()}, wsp_k)
    return expectation.deviations(seen, wsp_k, behind(run)).reshape(*run.wsp_k.shape, len(FEATURES))


def _calibrated(deviations: Floats, forest: Any) -> tuple[Floats, float]:
    samples, reactors, _ = deviations.shape
    scores = forest_score(forest, deviations.reshape(-1, len(FEATURES))).reshape(samples, reactors)
    averages = Averages.at_rest(reactors, NORMAL_FOREST)
    largest, worst = np.zeros(len(FEATURES)), 0.0
    for deviation, score in zip(deviations, scores, strict=True):
        averages.advance(deviation, score, INTERVAL_S)
        largest = np.maximum(largest, np.abs(averages.deviation).max(axis=0))
        worst = max(worst, float(averages.forest.max()))
    return LIMIT_MARGIN * largest, worst + FOREST_MARGIN
