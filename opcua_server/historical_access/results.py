"""Computed values as columns of a type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plant import quality
from plant.sample import Scalar
from timeseries.columns import Columns
from timeseries.signals import SignalInfo


@dataclass(frozen=True, slots=True)
class Results:
    """Columns of one length."""

    times: NDArray[np.int64]
    values: NDArray[Any]
    """Of no meaning where the status is Bad."""
    statuses: NDArray[np.uint32]
    decode: Callable[[float], Scalar] | None = None
    """Gives a number of `values` its own type; None: it has it."""


def columns_of(results: Results, info: SignalInfo) -> Columns:
    """Return results as samples of a kind of signal; ServerTimestamps are their own times."""
    count = len(results.times)
    words, texts = np.zeros(count, np.int64), {}
    for row, (value, status) in enumerate(zip(results.values.tolist(), results.statuses.tolist(), strict=True)):
        if quality.is_bad(status):
            continue
        scalar = value if results.decode is None else results.decode(value)
        if info.is_text:
            texts[row] = str(scalar)
        else:
            words[row] = info.word(scalar)
    return Columns.of(
        count, texts, times=results.times, server_times=results.times, statuses=results.statuses, words=words
    )
