"""Questions to the store: last, raw, at a time, aggregates; any process may ask while another writes."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from plant.sample import Sample
from timeseries import signals
from timeseries.aggregates import STANDARD, Aggregate, AggregateConfiguration, Intervals
from timeseries.aggregating import aggregated, values_at
from timeseries.answers.answer import Answer
from timeseries.columns import Columns
from timeseries.kinds import refuse_senseless
from timeseries.merging import merged
from timeseries.packing import Damaged
from timeseries.reading import FOREVER, History
from timeseries.signals import SignalInfo
from timeseries.uniting import united
from timeseries.unpacked import Unpacked

PAGE = 100_000
"""Samples that are looked at at once."""
Place = tuple[int, int]
"""Time and epoch, which no two samples of a signal share."""


class UnknownSignal(KeyError):  # noqa: N818
    """A signal of which nothing is known; `near` has similar names."""

    def __init__(self, name: str, near: list[str]) -> None:
        super().__init__(name)
        self.name = name
        self.near = near

    def __str__(self) -> str:
        hint = f"; near: {', '.join(self.near)}" if self.near else ""
        return f"signal {self.name!r} is not in the history{hint}"


class Reader:
    """Answers about one store."""

    def __init__(self, folder: Path, unpacked: Unpacked | None = None) -> None:
        self.history = History(folder, unpacked)

    def close(self) -> None:
        """Close it."""
        self.history.close()

    def signals(self) -> list[SignalInfo]:
        """Return all signals, by name."""
        return [info for _, (_, info) in sorted(signals.present(self.history.log).items())]

    def info(self, name: str) -> SignalInfo:
        """Return what is known of a signal; raises `UnknownSignal`."""
        return self.find(name)[1]

    def newest_time(self) -> int:
        """Return the newest SourceTimestamp of the newest epoch: the present, where relative times begin; or 0."""
        return self.history.newest_time()

    def newest(self, name: str) -> Answer:
        """Return the newest sample, or nothing."""
        number, info = self.find(name)
        return Answer.of_columns(info, self._newest(number, info, lean=True))

    def last(self, name: str) -> Sample | None:
        """Return the newest sample, with all that is known of it."""
        number, info = self.find(name)
        return next(iter(signals.samples(self._newest(number, info), {number: info})), None)

    def lasts(self, names: Iterable[str]) -> dict[str, Sample]:
        """Return the newest samples of all of some signals that have one, by name; many cost little more than one.

        One that is damaged is left out.
        """
        known = {name: self.find(name) for name in names}
        found: dict[str, Sample] = {}
        if self.history.amendments.are_there():
            for name in known:
                with contextlib.suppress(Damaged):
                    if (last := self.last(name)) is not None:
                        found[name] = last
            return found
        logged = self.history.arrived()
        logged = logged.take(np.lexsort((logged.times, logged.epochs, logged.signals)))
        logged = logged.take(np.diff(logged.signals, append=-1) != 0)
        rows = {signal: row for row, signal in enumerate(logged.signals.tolist())}
        query = "SELECT signal, epoch, time FROM newest"
        archived = {signal: (epoch, time) for signal, epoch, time in self.history.archive.execute(query)}
        for name, (number, info) in known.items():
            newest = logged.take(np.array([rows[number]] if number in rows else [], np.intp))
            place = archived.get(number)
            with contextlib.suppress(Damaged):
                if place is not None and (not len(newest) or place > _place(newest)):
                    newest = self.history.sample(number, info, *place)
                if len(newest):
                    (found[name],) = signals.samples(newest, {number: info})
        return found

    def pages(self, name: str, start: int, end: int, after: Place | None = None, most: int = PAGE) -> Iterator[Answer]:
        """Yield samples with start <= time < end, in order of time and epoch, about `most` at a time.

        `after` is where another answer ended.
        """
        for info, columns in self._pages(name, start, end, after, most, lean=True):
            yield Answer.of_columns(info, columns)

    def page(self, name: str, start: int, end: int, most: int, after: Place | None = None) -> Answer:
        """Return the first of them, at most so many."""
        parts, count = [], 0
        for part in self.pages(name, start, end, after, min(most, PAGE)):
            parts.append(part)
            count += len(part)
            if count >= most:
                break
        return Answer.joined(name, parts)[:most]

    def raw(
        self, name: str, start: int, end: int, limit: int | None = None, after: Place | None = None
    ) -> list[Sample]:
        """Return the same with all that is known of each sample."""
        found: list[Sample] = []
        for info, columns in self._pages(name, start, end, after, min(limit or PAGE, PAGE)):
            found += signals.samples(columns, dict.fromkeys(np.unique(columns.signals).tolist(), info))
            if limit is not None and len(found) >= limit:
                return found[:limit]
        return found

    def at(self, name: str, times: Sequence[int], configuration: AggregateConfiguration = STANDARD) -> Answer:
        """Return the value at each time: interpolated, or held where the signal is stepped."""
        wanted = np.array(times, np.int64)
        span = (int(wanted.min()), int(wanted.max())) if len(wanted) else (0, 0)
        asked = united(self.history, self._kinds(name), *span)
        found = values_at(*asked, wanted, simple=True, configuration=configuration)
        return Answer.computed(name, wanted, found.values, found.statuses)

    def aggregated(
        self,
        name: str,
        start: int,
        end: int,
        interval: int,
        function: str,
        configuration: AggregateConfiguration = STANDARD,
    ) -> Answer:
        """Return one result for each interval (ticks) from start to end, either way; 0 makes one of all.

        Raises:
            ValueError: naming an aggregate that is not known, or an interval that is not allowed.
        """
        history, number, info = united(self.history, self._kinds(name), start, end)
        refuse_senseless(function, info)
        intervals = Intervals.between(start, end, interval)
        aggregate = Aggregate(function, configuration, as_query=True)
        results = aggregated(history, number, info, intervals, aggregate)
        return Answer.computed(name, results.times, results.values, results.statuses)

    def find(self, name: str) -> tuple[int, SignalInfo]:
        """Return number and kind of a signal; raises `UnknownSignal`."""
        return self._kinds(name)[-1]

    def _kinds(self, name: str) -> list[tuple[int, SignalInfo]]:
        found = signals.kinds(self.history.log, name)
        if not found:
            names = signals.neighbours(self.history.log, name)
            raise UnknownSignal(name, difflib.get_close_matches(name, names, 3))
        return found

    def _newest(self, number: int, info: SignalInfo, *, lean: bool = False) -> Columns:
        logged = self.history.arrived()
        newest = logged.take(logged.signals == number).newest()
        query = "SELECT epoch, time FROM newest WHERE signal = ?"
        archived = self.history.archive.execute(query, (number,)).fetchone()
        if archived is not None and (not len(newest) or archived > _place(newest)):
            newest = self.history.sample(number, info, *archived, lean=lean)
        if self.history.amendments.are_there():
            places = [_place(newest)] if len(newest) else []
            places += [archived] if archived is not None else []
            return self._newest_amended(number, info, places, lean=lean)
        return newest

    def _newest_amended(self, number: int, info: SignalInfo, places: list[tuple[int, int]], *, lean: bool) -> Columns:
        """Return what is the newest now, of a signal whose newest recorded samples are known."""
        amended = self.history.amendments.newest(number)
        epoch, time = max([*places, *([amended] if amended is not None else [])], default=(0, 0))
        newest = self.history.sample(number, info, epoch, time, lean=lean)
        if len(newest):
            return newest
        pages = self.history.pages(number, info, -FOREVER, FOREVER, PAGE, backward=True, lean=lean)
        return Columns.joined([page.newest() for page in pages]).newest()

    def _pages(
        self, name: str, low: int, high: int, after: Place | None, most: int, *, lean: bool = False
    ) -> Iterator[tuple[SignalInfo, Columns]]:
        kinds = self._kinds(name)
        low = max(low, after[0]) if after is not None else low
        pages = [self.history.pages(number, info, low, high, most, lean=lean) for number, info in kinds]
        for place, page in merged(pages):
            rest = page
            if after is not None:
                rest = page.take((page.times > after[0]) | ((page.times == after[0]) & (page.epochs > after[1])))
            if len(rest):
                yield kinds[place][1], rest


def _place(newest: Columns) -> tuple[int, int]:
    """Return epoch and time of one sample."""
    return int(newest.epochs[0]), int(newest.times[0])
