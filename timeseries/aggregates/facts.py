"""What aggregates are made of: columns with a row for each interval, or for each part of a long one.

Rows of parts that follow each other come to one, so an interval of any length is computed of as many samples at once
as one likes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from plant import quality
from timeseries.aggregates.configuration import AggregateConfiguration
from timeseries.aggregates.intervals import Chosen, Places, over
from timeseries.aggregates.segments import Segments
from timeseries.aggregates.series import Decode, Mask, Statuses, Times, own_type
from timeseries.aggregates.window import BAD, GOOD, UNCERTAIN, Window, values_at


@dataclass(frozen=True, slots=True, eq=False)
class Facts(ABC):
    """Columns of one length."""

    @abstractmethod
    def whole(self) -> Self:
        """Return one row: what all of them, in order of time, come to."""

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts."""
        names = parts[0]._columns()
        return replace(parts[0], **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})

    def row(self, row: int) -> Self:
        """Return one of them; from the end where it is negative."""
        rows = slice(row, row + 1 or None)
        return replace(self, **{name: column[rows] for name, column in self._columns().items()})

    def _columns(self) -> dict[str, NDArray[Any]]:
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: column for name, column in found.items() if isinstance(column, np.ndarray)}

    def decoded(self, decode: Decode) -> Self:
        """Return them with values of the signal's own type, which can be compared with those of other parts."""
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Summed(Facts):
    """Columns of which each is as much as its rows together."""

    def whole(self) -> Self:
        return replace(self, **{name: column.sum(keepdims=True) for name, column in self._columns().items()})


@dataclass(frozen=True, slots=True, eq=False)
class Sum(Summed):
    """What a column is of some of the samples, added."""

    values: NDArray[Any]

    @classmethod
    def of(cls, column: NDArray[Any], chosen: Chosen) -> Sum:
        """Add what the column, which is of those samples only, has in each interval."""
        return cls(over(np.add, column, chosen.first, chosen.last, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Counts(Summed):
    """How many samples are Good, how many bad, and how many there are."""

    good: Places
    bad: Places
    all: Places

    @classmethod
    def of(cls, window: Window) -> Counts:
        """Count them."""
        return cls(window.good.counts, window.bad.counts, window.counts)

    def statuses(self, configuration: AggregateConfiguration) -> Statuses:
        """Return PercentValues: an Uncertain value is not Good, and Bad where it is treated so (§5.4.3.2.1)."""
        return _by_percentages(self.good, self.bad, self.all, configuration)


@dataclass(frozen=True, slots=True, eq=False)
class Ticks(Summed):
    """How much of each interval is of some kind, and how much of it counts at all."""

    ticks: Times
    width: Times

    @classmethod
    def known(cls, window: Window) -> Ticks:
        """Return what is not bad."""
        return cls(window.pieces.ticks(~window.simple.bad), window.pieces.width)

    @classmethod
    def sufficient(cls, window: Window) -> Ticks:
        """Return what is good: uncertain regions are, unless they are treated as bad."""
        if not window.configuration.treat_uncertain_as_bad:
            return cls.known(window)
        return cls(window.pieces.ticks(~window.simple.bad & ~window.simple.uncertain), window.pieces.width)

    def statuses(self, configuration: AggregateConfiguration) -> Statuses:
        """Return PercentTime over regions of simple bounding values, of what is `sufficient` (§5.4.3.2.1)."""
        return _by_percentages(self.ticks, self.width - self.ticks, self.width, configuration)


@dataclass(frozen=True, slots=True, eq=False)
class Edge(Facts):
    """The first sample of some kind in each interval, or the last one."""

    values: NDArray[Any]
    statuses: Statuses
    times: Times
    there: Mask
    """False where there is none; the others are of no meaning then."""
    is_last: bool

    @classmethod
    def of(cls, window: Window, places: Places, there: Mask, *, is_last: bool) -> Edge:
        """Return what stands at some places."""
        series = window.series
        values, statuses = values_at(series.values, places), values_at(series.statuses, places)
        return cls(values, statuses, values_at(series.times, places), there, is_last)

    @classmethod
    def first(cls, window: Window) -> Edge:
        """Return the first of all samples."""
        return cls.of(window, window.first, window.counts > 0, is_last=False)

    @classmethod
    def last(cls, window: Window) -> Edge:
        """Return the last of all samples."""
        return cls.of(window, window.last - 1, window.counts > 0, is_last=True)

    @classmethod
    def first_good(cls, window: Window) -> Edge:
        """Return the first Good one."""
        return cls.of(window, window.good.earliest(), window.good.counts > 0, is_last=False)

    @classmethod
    def last_good(cls, window: Window) -> Edge:
        """Return the last Good one."""
        return cls.of(window, window.good.latest(), window.good.counts > 0, is_last=True)

    def whole(self) -> Self:
        rows = np.flatnonzero(self.there)
        return self.row(int(rows[-1 if self.is_last else 0]) if len(rows) else 0)

    def decoded(self, decode: Decode) -> Self:
        has_value = self.there & (self.statuses < quality.BAD)
        return replace(self, values=own_type(self.values, has_value, decode, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Bound(Facts):
    """The bounding values at the early ends of intervals, or at the late ones."""

    values: NDArray[Any]
    statuses: Statuses
    """BadNoData where there is none; a raw value's own."""
    raw: Mask
    """Whether a sample stands there that is the value."""
    stands: Mask
    """Whether any sample stands there."""
    is_late: bool

    @classmethod
    def of(cls, window: Window, segments: Segments, *, is_late: bool) -> Bound:
        """Return those of some segments."""
        at = window.intervals.high if is_late else window.intervals.low
        found, times = segments.at(at), window.series.times
        stands = values_at(times, np.searchsorted(times, at)) == at
        return cls(found.values, found.statuses, found.raw, stands, is_late)

    @classmethod
    def early(cls, window: Window) -> Bound:
        """Return the simple ones at the early ends."""
        return cls.of(window, window.simple, is_late=False)

    @classmethod
    def late(cls, window: Window) -> Bound:
        """Return the simple ones at the late ends."""
        return cls.of(window, window.simple, is_late=True)

    @property
    def bad(self) -> Mask:
        """Where there is none."""
        return np.equal(self.statuses, quality.BAD_NO_DATA)

    def whole(self) -> Self:
        return self.row(-1 if self.is_late else 0)

    def decoded(self, decode: Decode) -> Self:
        return replace(self, values=own_type(self.values, ~self.bad, decode, 0))


def _by_percentages(
    good: NDArray[Any], bad: NDArray[Any], all_of_it: NDArray[Any], configuration: AggregateConfiguration
) -> Statuses:
    """Return Good where there is enough good data, Bad where there is enough bad data, and else Uncertain.

    Where good and bad data are all there is by configuration, only the good counts (§4.2.1.2).
    """
    percent = 100.0 / np.maximum(all_of_it, 1)
    is_good = (good * percent >= configuration.percent_data_good) | (good == all_of_it)
    is_bad = (bad * percent >= configuration.percent_data_bad) & (bad > 0)
    if configuration.percent_data_good == 100 - configuration.percent_data_bad:
        is_bad[:] = False
    return np.where(is_good, GOOD, np.where(is_bad, BAD, UNCERTAIN))
