"""Computed values as columns of a type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plant import quality
from timeseries.columns import Columns
from timeseries.signals import SignalInfo


@dataclass(frozen=True, slots=True)
class Results:
    """Columns of one length."""

    times: NDArray[np.int64]
    values: NDArray[Any]
    """Of no meaning where the status is Bad."""
    statuses: NDArray[np.uint32]


def columns_of(results: Results, info: SignalInfo) -> Columns:
    """Return results as samples of a kind of signal; ServerTimestamps are their own times."""
    count = len(results.times)
    words, texts = np.zeros(count, np.int64), {}
    for row, (value, status) in enumerate(zip(results.values.tolist(), results.statuses.tolist(), strict=True)):
        if quality.is_bad(status):
            continue
        if info.is_text:
            texts[row] = str(value)
        else:
            words[row] = info.word(value)
    return Columns.of(
        count, texts, times=results.times, server_times=results.times, statuses=results.statuses, words=words
    )
