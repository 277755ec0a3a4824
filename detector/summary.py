"""Summaries of what was taken for normal, as the original pipeline stored them; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BATCH, STREAM = "batch", "stream"


@dataclass(frozen=True, slots=True)
class Summary:
    """A row of `cstr.summary`; None where there are too few rows for a figure."""

    source: str
    reactor: str
    window_start: datetime
    window_end: datetime
    n: int
    """Rows taken for normal."""
    mean_t: float | None
    sd_t: float | None
    """ddof 1."""
    min_t: float | None
    max_t: float | None
    ks_p_t: float | None
    """p-value of a Kolmogorov-Smirnov test against the normal distribution, or the training window."""
    mean_ca0: float | None
    sd_ca0: float | None
    min_ca0: float | None
    max_ca0: float | None
    ks_p_ca0: float | None
    min_q: float | None
    max_q: float | None
    anomalies: int
    """Rows taken for abnormal."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What T and Ca0 are tested against: a normal distribution (mean, sd), or rows of a training window."""

    t: tuple[float, float] | Floats
    ca0: tuple[float, float] | Floats


def summarize(
    source: str,
    reactor: str,
    window: tuple[datetime, datetime],
    columns: tuple[Floats, Floats, Floats],
    anomalies: int,
    reference: Reference,
) -> Summary:
    """Summarize the normal rows of a window; `columns` are their T, Ca0 and Q, each of shape (n,)."""
    t, ca0, q = columns
    mean_t, sd_t, min_t, max_t = _moments(t)
    mean_ca0, sd_ca0, min_ca0, max_ca0 = _moments(ca0)
    _, _, min_q, max_q = _moments(q)
    return Summary(
        source,
        reactor,
        *window,
        len(t),
        mean_t,
        sd_t,
        min_t,
        max_t,
        _ks_p(t, reference.t),
        mean_ca0,
        sd_ca0,
        min_ca0,
        max_ca0,
        _ks_p(ca0, reference.ca0),
        min_q,
        max_q,
        anomalies,
    )


def _moments(values: Floats) -> tuple[float | None, float | None, float | None, float | None]:
    if not len(values):
        return None, None, None, None
    sd = float(values.std(ddof=1)) if len(values) > 1 else None
    return float(values.mean()), sd, float(values.min()), float(values.max())


def _ks_p(values: Floats, reference: tuple[float, float] | Floats) -> float | None:
    from scipy import stats

    if len(values) < 2:
        return None
    if isinstance(reference, tuple):
        return float(stats.kstest(values, "norm", args=reference).pvalue)
    return float(stats.ks_2samp(values, reference).pvalue)
