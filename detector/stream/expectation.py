"""What the signals show in normal operation at this working setpoint, after these ramps, and their scatter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector.stream.normal_run import INTERVAL_S, NormalRun

Floats = NDArray[np.float64]

FEATURES = ("T", "Caf", "X", "r", "Ca", "q")
"""The baseline's T, Ca0, X, r, Ca, and Q for its rule."""
FOREST_FEATURES = 5
FEED = ("Caf", "q")
LAGS_S = (20.0, 90.0)
"""Time constants of the lagged working setpoints: the loop's and the tank's."""
KNOTS = np.linspace(284.0, 390.0, 12)[:, None]
RIDGE = 1e-3
SD_PER_MEAN_DEVIATION = float(np.sqrt(np.pi / 2))
LEAST_SD = 1e-4


class Lags:
    """The working setpoint as it was, per reactor: exact first-order lags for any interval.

    NaN is a working setpoint that is not known. At the start the first known one is taken for one that has long
    stood still; later the lags stand still where it is not known.
    """

    def __init__(self, wsp_k: Floats) -> None:
        self._levels = np.repeat(wsp_k[None, :], len(LAGS_S), axis=0)

    def advance(self, wsp_k: Floats, dt_s: float) -> Floats:
        """Return how far the working setpoint stands from its lags, shape (lags, reactors), `dt_s` later."""
        kept = np.exp(-dt_s / np.array(LAGS_S))[:, None]
        before = np.where(np.isnan(self._levels), wsp_k, self._levels)
        self._levels = np.where(np.isnan(wsp_k), before, kept * before + (1.0 - kept) * wsp_k)
        return wsp_k - self._levels


class Expectation:
    """A smooth function of the working setpoint (cubic splines), linear in what is left of the ramps; by ridge."""

    def __init__(self) -> None:
        from sklearn.linear_model import Ridge
        from sklearn.preprocessing import SplineTransformer

        self._spline = SplineTransformer(degree=3, knots=KNOTS, extrapolation="constant").fit(KNOTS)
        self._mean = Ridge(RIDGE)
        self._deviation = Ridge(RIDGE)

    @classmethod
    def learnt(cls, run: NormalRun) -> Self:
        """Return what a normal run teaches."""
        self = cls()
        wsp_k = run.wsp_k.ravel()
        design = self._design(wsp_k, behind(run))
        seen = features({name: values.ravel() for name, values in run.columns.items()}, wsp_k)
        _fit(self._mean, design, seen)
        _fit(self._deviation, self._spline.transform(wsp_k[:, None]), np.abs(seen - self._mean.predict(design)))
        return self

    def deviations(self, seen: Floats, wsp_k: Floats, lagging: Floats) -> Floats:
        """Return the features in standard deviations from what is expected, shape (rows, features)."""
        mean = self._mean.predict(self._design(wsp_k, lagging))
        deviation = self._deviation.predict(self._spline.transform(wsp_k[:, None]))
        result: Floats = (seen - mean) / np.maximum(LEAST_SD, SD_PER_MEAN_DEVIATION * deviation)
        return result

    def _design(self, wsp_k: Floats, lagging: Floats) -> Floats:
        base = self._spline.transform(wsp_k[:, None])
        return np.hstack([base, *(base * lag[:, None] for lag in lagging)])


def _fit(ridge: Any, design: Floats, seen: Floats) -> None:
    """Fit all features; the feed's are constants, since no setpoint moves them."""
    ridge.fit(design, seen)
    for place in (FEATURES.index(name) for name in FEED):
        ridge.coef_[place] = 0.0
        ridge.intercept_[place] = seen[:, place].mean()


def behind(run: NormalRun) -> Floats:
    """Return how far a run's working setpoint stands from its lags, shape (lags, samples * reactors)."""
    lags = Lags(run.wsp_k[0])
    return np.stack([lags.advance(wsp_k, INTERVAL_S) for wsp_k in run.wsp_k], axis=1).reshape(len(LAGS_S), -1)


def features(columns: Mapping[str, Floats], wsp_k: Floats) -> Floats:
    """Return the features of each row, shape (rows, features); T as its distance from the working setpoint."""
    return np.column_stack([columns[name] - wsp_k if name == "T" else columns[name] for name in FEATURES])
