"""What arrived: per tag, in all, and how long after its source time."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from benchmarks.opcua.records import Run, runs
from plant.clock import ticks_from_unix_ns

Counts = NDArray[np.int64]

BIN_TICKS = 1_000
"""0.1 ms."""
BINS = 1_200_000
BEFORE_TICKS = 20_000_000
"""The first bin is so long before the first delay that was seen: a later one may be shorter."""
OVERFLOW = 0x480
"""InfoType DataValue and the overflow bit of a StatusCode."""


def now_ticks() -> int:
    """Return the wall clock, ticks."""
    return ticks_from_unix_ns(time.time_ns())


class Delays:
    """A histogram of the time from source to receipt."""

    def __init__(self, *, paused_before: bool) -> None:
        self._paused_before = paused_before
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._bins = np.zeros(BINS, np.int64)
        self._base: int | None = None
        self._shift: int | None = None

    def add(self, run: Run, received: int) -> None:
        """Take a run of records; what a client wrote may have no source time."""
        if run.source_time is None:
            return
        first = int(run.source_time[0])
        if self._base is None:
            self._base = received - first - BEFORE_TICKS
        if run.server_time is not None:
            shift = int(run.server_time[0]) - first
            self._shift = shift if self._shift is None else min(shift, self._shift)
        newest = received - self._base
        if (run.source_time == first).all():
            place = min(max((newest - first) // BIN_TICKS, 0), BINS - 1)
            self._bins[place] += len(run.source_time)
        else:
            np.add.at(self._bins, np.clip((newest - run.source_time) // BIN_TICKS, 0, BINS - 1), 1)

    def percentile_ms(self, share: float) -> float:
        """Return the delay that this share of the records did not exceed; NaN without records.

        A plant that was paused is behind the wall clock by that pause ever after: where told so, the smallest distance
        between server time and source time is taken for it and subtracted.
        """
        total = int(self._bins.sum())
        if self._base is None or total == 0:
            return float("nan")
        place = int(np.searchsorted(np.cumsum(self._bins), share * total))
        shift = self._shift or 0 if self._paused_before else 0
        return (self._base + (place + 1) * BIN_TICKS - shift) / 10_000.0


class Meter:
    """Counts the records of one subscription."""

    def __init__(self, tags: int, delays: Delays) -> None:
        self._tags = tags
        self._delays = delays
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.counts: Counts = np.zeros(self._tags, np.int64)
        self.records = self.bad = self.overflows = 0
        self.latest = 0
        """Wall clock of the last receipt, ticks."""

    def take(self, body: bytes, offset: int, count: int) -> None:
        """Count the records of a notification."""
        self.latest = received = now_ticks()
        self.records += count
        for run in runs(body, offset, count):
            self.counts += np.bincount(run.handles, minlength=self._tags)
            self._delays.add(run, received)
            if run.status is not None:
                self.bad += int(np.count_nonzero(run.status >> np.uint32(31)))
                self.overflows += int(np.count_nonzero((run.status & np.uint32(OVERFLOW)) == OVERFLOW))
