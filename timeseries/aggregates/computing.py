"""One result for each interval: of the samples of all at once, or of those of a long one, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plant import quality
from timeseries.aggregates.asked import Asked
from timeseries.aggregates.configuration import STANDARD, AggregateConfiguration
from timeseries.aggregates.facts import Facts
from timeseries.aggregates.functions import (
    ACTUAL_TIME,
    AS_IS,
    AS_IS_STEPPED,
    FUNCTIONS,
    HELD,
    OF_TEXT,
    Function,
    refuse_unknown,
)
from timeseries.aggregates.intervals import Intervals
from timeseries.aggregates.series import Decode, Series, Statuses, Times, own_type
from timeseries.aggregates.window import NO_DATA, Results, Window

_NEVER_PARTIAL = frozenset({"Average", "Interpolative"})


@dataclass(frozen=True, slots=True, eq=False)
class Processed:
    """Results for several intervals, as columns of one length in the order asked for."""

    times: Times
    values: NDArray[Any]
    """Of no meaning where the status is Bad; objects where the signal's own type is no double."""
    statuses: Statuses
    starts: Times

    @classmethod
    def joined(cls, parts: Sequence[Processed]) -> Processed:
        """Return those of several parts, one after the other."""
        columns = [[getattr(part, name) for part in parts] for name in ("times", "values", "statuses", "starts")]
        return parts[0] if len(parts) == 1 else cls(*(np.concatenate(each) for each in columns))

    def turned(self) -> Processed:
        """Return them in the other order."""
        return Processed(self.times[::-1], self.values[::-1], self.statuses[::-1], self.starts[::-1])


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was seen of some intervals: facts, and from where to where there is data."""

    facts: tuple[Facts, ...]
    first: int
    """The first sample of all, ticks, or any before the first interval."""
    end: int
    """Up to where the last one holds."""
    stepped: bool
    decode: Decode
    is_ordinal: bool
    """Whether values stand for others, by their places in this series or their ranks, or are no numbers any more."""

    @classmethod
    def whole(cls, parts: Sequence[Seen]) -> Seen:
        """Return what the parts of one interval, in order of time, come to."""
        if any(part.is_ordinal for part in parts):
            parts = [part._decoded() for part in parts]
        columns = zip(*(part.facts for part in parts), strict=True)
        facts = tuple(type(column[0]).joined(column).whole() for column in columns)
        return replace(parts[0], facts=facts, end=max(part.end for part in parts))

    def _decoded(self) -> Seen:
        facts = tuple(fact.decoded(self.decode) for fact in self.facts)
        return replace(self, facts=facts, decode=lambda value: value, is_ordinal=True)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate with all that it depends on beside samples and intervals.

    Averages are in the signal's unit, totals in unit times seconds, durations in milliseconds; WorstQuality gives a
    StatusCode. `as_query`, by command and HTTP, differs from the standard in two things: TimeAverage and Total hold
    what is set (there are straight lines, §5.4.3.6), and only aggregates whose result is a time have one of their own
    (there Start and End, too).

    Raises:
        ValueError: naming a function that is none, and what is allowed.
    """

    name: str
    configuration: AggregateConfiguration = STANDARD
    as_query: bool = False

    def __post_init__(self) -> None:
        refuse_unknown(self.name)

    def of(self, series: Series, intervals: Intervals) -> Processed:
        """Return one result for each interval, in order of time.

        The series has at least the samples of the intervals, and the nearest on either side, also the nearest that are
        not bad, where there are such.
        """
        return self.answered(self.seen(series.from_first_data(), intervals), intervals)

    def seen(self, series: Series, intervals: Intervals) -> Seen | None:
        """Return what there is to see in a series that begins with data; None if it has nothing for this aggregate."""
        if not len(series.times) or (series.is_text and self.name not in OF_TEXT):
            return None
        if self.name in (AS_IS_STEPPED if series.stepped else AS_IS):
            series = series.ranked()
        window = Window(replace(series, exact=None), intervals, self.configuration)
        facts = tuple(fact(window) for fact in self._function.made_of)
        first, is_ordinal = int(series.times[0]), series.is_text or series.is_ranked
        return Seen(facts, first, window.end, series.stepped, series.decode, is_ordinal)

    def answered(self, seen: Seen | None, intervals: Intervals) -> Processed:
        """Return the results of what was seen, a row for each interval."""
        starts = intervals.starts
        if seen is None:
            return Processed(starts, np.zeros(len(starts)), np.full(len(starts), NO_DATA), starts)
        results = self._function.answer(Asked(intervals, self.configuration, seen.stepped), *seen.facts)
        results = self._finished(results, seen, intervals)
        times = results.times
        if times is None or (self.as_query and self.name not in ACTUAL_TIME):
            times = starts
        values = results.values
        if results.own_type:
            values = own_type(values, results.statuses < quality.BAD, seen.decode)
        return Processed(times, values, results.statuses, starts)

    @property
    def _function(self) -> Function:
        function = FUNCTIONS[self.name]
        return HELD.get(self.name, function) if self.as_query else function

    def _finished(self, results: Results, seen: Seen, intervals: Intervals) -> Results:
        """Return results with what holds for all aggregates: nothing outside the data, and the Partial bit."""
        partial = intervals.partial(seen.first, seen.end) & (self.name not in _NEVER_PARTIAL)
        outside = intervals.before(seen.first)
        if self.name != "Interpolative":
            outside |= intervals.behind(seen.end)
        bits = np.where(partial, quality.PARTIAL, 0).astype(np.uint32)
        statuses = np.where(outside, NO_DATA, results.statuses | bits)
        times = None if results.times is None else np.where(outside, intervals.starts, results.times)
        return replace(results, statuses=statuses, times=times)


def aggregates(
    series: Series,
    start: int,
    end: int,
    interval: int,
    name: str,
    configuration: AggregateConfiguration = STANDARD,
    *,
    as_query: bool = False,
) -> Processed:
    """Return one result for each interval of `interval` ticks from `start` to `end`; 0 makes one of all.

    With an end before the start time runs backward.

    Raises:
        ValueError: naming the aggregate or the interval and what is allowed.
    """
    aggregate, intervals = Aggregate(name, configuration, as_query), Intervals.between(start, end, interval)
    found = aggregate.of(series, intervals)
    return found.turned() if intervals.backward else found
