"""Computed values as columns of a type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from plant import quality
from timeseries.columns import Columns
from timeseries.signals import SignalInfo


def columns_of(
    times: NDArray[np.int64], values: NDArray[Any], statuses: NDArray[np.uint32], info: SignalInfo
) -> Columns:
    """Return results as samples of a kind of signal; a Bad one has no value, and none a ServerTimestamp."""
    count = len(times)
    words, texts = np.zeros(count, np.int64), {}
    for row, (value, status) in enumerate(zip(values.tolist(), statuses.tolist(), strict=True)):
        if quality.is_bad(status):
            continue
        if info.is_text:
            texts[row] = str(value)
        else:
            words[row] = info.word(value)
    return Columns.of(count, texts, times=times, statuses=statuses, words=words)
