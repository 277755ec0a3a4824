"""The original hourly job: generate, detect, summarize."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from detector.batch.baseline import Flags
from detector.batch.generator import (
    CA0_MEAN_MOL_PER_L,
    NORMAL_CA0_SD_MOL_PER_L,
    NORMAL_T_SD_K,
    T_MEAN_K,
    Batch,
    generate,
)
from detector.batch.methods import DEFAULT_METHOD, make_method
from detector.summary import BATCH, Reference, Summary, summarize

REACTOR = "batch"
"""In the summary's column: the batch reactor is none of the plant's."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Result:
    """A batch, what was flagged, and its summary."""

    batch: Batch
    flags: Flags
    summary: Summary


def run(rows: int, abnormal: float, seed: int, window: tuple[datetime, datetime]) -> Result:
    """Generate a batch, flag it by the baseline, and summarize the rows taken for normal.

    Raises:
        ValueError: naming what is out of range.
    """
    batch = generate(rows, abnormal, np.random.default_rng(seed))
    flags = make_method(DEFAULT_METHOD).flag(batch.columns)
    normal = ~flags.anomaly
    columns = (batch.columns["T"][normal], batch.columns["Ca0"][normal], batch.columns["Q"][normal])
    reference = Reference((T_MEAN_K, NORMAL_T_SD_K), (CA0_MEAN_MOL_PER_L, NORMAL_CA0_SD_MOL_PER_L))
    return Result(batch, flags, summarize(BATCH, REACTOR, window, columns, int(flags.anomaly.sum()), reference))


def hour_of(now: datetime) -> tuple[datetime, datetime]:
    """Return the hour that contains `now`, UTC."""
    start = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return start, start + HOUR


def seed_of(hour: datetime) -> int:
    """Return the seed of an hour's batch, so that the hour can be repeated."""
    return int(hour.timestamp()) // 3600
