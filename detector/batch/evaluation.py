"""How well a method does on labelled batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from detector.batch.generator import Batch, generate
from detector.batch.methods import Method, make_method

_TRAINING, _BATCH = 0, 1
"""Streams of random numbers of one seed."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one batch, each 0 to 1; nan where there is nothing to divide by."""

    f1: float
    false_positive_rate: float
    t_recall: float
    """Of the rows in which T was moved."""
    other_recall: float
    named: float
    """Share of the caught rows whose variable and direction are named."""


def evaluate(name: str, rows: int, abnormal: float, seeds: int) -> Iterator[Figures]:
    """Yield the figures of each seed, from 0: training rows and batch are drawn anew, so neither's luck shows."""
    for seed in range(seeds):
        batch = generate(rows, abnormal, np.random.default_rng([seed, _BATCH]))
        yield score(make_method(name, [seed, _TRAINING]), batch)


def score(method: Method, batch: Batch) -> Figures:
    """Compare a method's verdict with the ground truth."""
    flags = method.flag(batch.columns)
    truth = batch.label == 1
    hit = flags.anomaly & truth
    t_moved = np.array([cause.startswith("T ") for cause in batch.label_cause])
    right = np.array([flagged == true for flagged, true in zip(flags.cause, batch.label_cause, strict=True)])
    return Figures(
        f1=_share(2 * hit.sum(), flags.anomaly.sum() + truth.sum()),
        false_positive_rate=_share((flags.anomaly & ~truth).sum(), (~truth).sum()),
        t_recall=_share((hit & t_moved).sum(), t_moved.sum()),
        other_recall=_share((hit & ~t_moved).sum(), (truth & ~t_moved).sum()),
        named=_share((right & hit).sum(), hit.sum()),
    )


def _share(part: int, whole: int) -> float:
    return float(part) / float(whole) if whole else float("nan")
