"""Questions to the store: last, raw, at a time, aggregates; any process may ask while another writes."""

from __future__ import annotations

import difflib
import itertools
from pathlib import Path

from plant.sample import Sample
from timeseries import signals
from timeseries.aggregates import Aggregated, interpolated, query
from timeseries.columns import Columns
from timeseries.reading import FOREVER, History
from timeseries.signals import SignalInfo
from timeseries.spans import around, for_aggregates
from timeseries.unpacked import Unpacked

PAGE = 100_000
"""Samples that are looked at at once."""


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
        newest = (0, 0)
        for columns in self.history.logged():
            epoch = int(columns.epochs.max())
            newest = max(newest, (epoch, int(columns.times[columns.epochs == epoch].max())))
        query = "SELECT epoch, time FROM newest ORDER BY epoch DESC, time DESC LIMIT 1"
        return max(newest, self.history.archive.execute(query).fetchone() or (0, 0))[1]

    def last(self, name: str) -> Sample | None:
        """Return the newest sample."""
        number, info = self.find(name)
        recorded, amended = self._newest_recorded(number), self.history.amendments.newest(number)
        place = max((each for each in (recorded, amended) if each is not None), default=None)
        if place is None:
            return None
        newest = self.history.read(number, info, place[1], place[1] + 1).newest()
        if not len(newest) or int(newest.epochs[0]) < place[0]:  # it was deleted
            pages = self.history.pages(number, info, -FOREVER, FOREVER, PAGE, backward=True)
            newest = Columns.joined([page.newest() for page in pages]).newest()
        return next(iter(signals.samples(newest, {number: info})), None)

    def _newest_recorded(self, number: int) -> tuple[int, int] | None:
        """Return epoch and time of the newest sample that was recorded."""
        logged = [each.take(each.signals == number) for each in self.history.logged()]
        newest = Columns.joined(logged).newest()
        places = list(zip(newest.epochs.tolist(), newest.times.tolist(), strict=True))
        query = "SELECT epoch, time FROM newest WHERE signal = ?"
        places += self.history.archive.execute(query, (number,)).fetchall()
        return max(places, default=None)

    def raw(
        self, name: str, start: int, end: int, limit: int | None = None, after: tuple[int, int] | None = None
    ) -> list[Sample]:
        """Return samples with start <= time < end, in order of (time, epoch); `after` is where a page ended."""
        self.find(name)
        low = max(start, after[0]) if after is not None else start
        found = [
            self._first(number, info, low, end, limit, after) for number, info in signals.kinds(self.history.log, name)
        ]
        if len(found) == 1:
            return found[0]
        together = sorted(itertools.chain(*found), key=lambda each: (each.source_time, each.epoch))
        return together[:limit]

    def _first(
        self, number: int, info: SignalInfo, low: int, high: int, limit: int | None, after: tuple[int, int] | None
    ) -> list[Sample]:
        """Return the first samples of what a name has stood for at some time."""
        found: list[Sample] = []
        for page in self.history.pages(number, info, low, high, most=min(limit or PAGE, PAGE)):
            rest = page
            if after is not None:
                rest = page.take((page.times > after[0]) | ((page.times == after[0]) & (page.epochs > after[1])))
            found += signals.samples(rest, {number: info})
            if limit is not None and len(found) >= limit:
                return found[:limit]
        return found

    def at(self, name: str, time: int) -> Sample:
        """Return the value at a time: interpolated, or held where the signal is stepped."""
        value, status = interpolated(around(self.history, *self.find(name), time, time), time)
        return Sample(time, name, value, status)

    def aggregated(self, name: str, start: int, end: int, interval: int, function: str) -> list[Aggregated]:
        """Return one result for each interval (ticks) from start to end, either way; 0 makes one of all.

        Raises:
            ValueError: naming an aggregate that is not known, or an interval that is not allowed.
        """
        series = for_aggregates(self.history, *self.find(name), start, end, interval)
        return query(series, start, end, interval, function)

    def find(self, name: str) -> tuple[int, SignalInfo]:
        """Return number and kind of a signal; raises `UnknownSignal`."""
        found = signals.kinds(self.history.log, name)
        if not found:
            names = list(signals.present(self.history.log))
            raise UnknownSignal(name, difflib.get_close_matches(name, names, 3))
        return found[-1]
