"""Plant time as text, many at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plant.clock import TICKS_PER_SECOND, text_from_ticks
from timeseries.columns import Ticks

WIDTH = len("2026-11-22T04:00:00.0000000Z")
_FEW = 16
"""So many are quicker one by one."""
_DAY = 86_400 * TICKS_PER_SECOND
_EPOCH = np.datetime64("1601-01-01", "D")
_ROW = np.frombuffer(b"0000-00-00T00:00:00.0000000Z", np.uint8)
_TWO = np.array([[tens, units] for tens in b"0123456789" for units in b"0123456789"], np.uint8)
"""The two digits of 0 to 99."""


def time_texts(ticks: Ticks) -> NDArray[np.uint8]:
    """Return `plant.clock.text_from_ticks` of each, a row of 28 ASCII characters."""
    texts = np.tile(_ROW, (len(ticks), 1))
    days, within = np.divmod(ticks, _DAY)
    seconds, fraction = np.divmod(within, TICKS_PER_SECOND)
    texts[:, :10] = _dates(days)
    for place, values in ((11, seconds // 3600), (14, seconds // 60 % 60), (17, seconds % 60)):
        texts[:, place : place + 2] = _TWO[values]
    texts[:, 20] += (fraction // 1_000_000).astype(np.uint8)
    for place, unit in ((21, 10_000), (23, 100), (25, 1)):
        texts[:, place : place + 2] = _TWO[fraction // unit % 100]
    return texts


def listed(ticks: Ticks) -> list[str]:
    """Return them as a list."""
    if len(ticks) < _FEW:
        return [text_from_ticks(each) for each in ticks.tolist()]
    text = time_texts(ticks).tobytes().decode("ascii")
    return [text[start : start + WIDTH] for start in range(0, len(text), WIDTH)]


def _dates(days: Ticks) -> NDArray[np.uint8]:
    """Return dates; of many times few are on another day than the one before."""
    changes = np.flatnonzero(np.diff(days, prepend=-1))
    dates = np.datetime_as_string(_EPOCH + days[changes], unit="D").astype("S10")
    rows = np.frombuffer(dates.tobytes(), np.uint8).reshape(-1, 10)
    return np.repeat(rows, np.diff(changes, append=len(days)), axis=0)
