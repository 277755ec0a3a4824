"""Questions to the store: last, raw, at a time, aggregates; any process may ask while another writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from plant.sample import Sample, Scalar
from timeseries.aggregates import Aggregated, Series, further, interpolated, query
from timeseries.layout import open_for_reading
from timeseries.store import BOOLEAN, SignalInfo

_COLUMNS = "time, value, status, server_time, epoch, seq"


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
    """A read-only connection."""

    def __init__(self, path: Path) -> None:
        self._connection = open_for_reading(path)

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def signals(self) -> list[SignalInfo]:
        """Return all signals, by name."""
        rows = self._connection.execute("SELECT name, unit, data_type, stepped FROM signal ORDER BY name")
        return [_info(*row) for row in rows]

    def info(self, name: str) -> SignalInfo:
        """Return what is known of a signal; raises `UnknownSignal`."""
        return self._find(name)[1]

    def newest_time(self) -> int:
        """Return the newest SourceTimestamp of the newest epoch: the present, where relative times begin; or 0."""
        newest = self._connection.execute("SELECT newest_epoch, newest_time FROM signal WHERE newest_time IS NOT NULL")
        return max(newest, default=(0, 0))[1]

    def last(self, name: str) -> Sample | None:
        """Return the newest sample."""
        number, info = self._find(name)
        query = (
            f"SELECT {_COLUMNS} FROM sample WHERE signal = ? "  # noqa: S608
            "AND (time, epoch) = (SELECT newest_time, newest_epoch FROM signal WHERE id = ?)"
        )
        row = self._connection.execute(query, (number, number)).fetchone()
        return _sample(info, row) if row is not None else None

    def raw(
        self, name: str, start: int, end: int, limit: int | None = None, after: tuple[int, int] | None = None
    ) -> list[Sample]:
        """Return samples with start <= time < end, in order of (time, epoch); `after` is where a page ended."""
        number, info = self._find(name)
        query = (
            f"SELECT {_COLUMNS} FROM sample WHERE signal = ? AND (time, epoch) > (?, ?) AND time < ? "  # noqa: S608
            "ORDER BY time, epoch LIMIT ?"
        )
        low = max((start, -1), after or (start, -1))
        rows = self._connection.execute(query, (number, *low, end, -1 if limit is None else limit))
        return [_sample(info, row) for row in rows]

    def at(self, name: str, time: int) -> Sample:
        """Return the value at a time: interpolated, or held where the signal is stepped."""
        _, info = self._find(name)
        value, status = interpolated(self._around(name, time, time), time)
        return Sample(time, name, _typed(info, value), status)

    def aggregated(self, name: str, start: int, end: int, interval: int, function: str) -> list[Aggregated]:
        """Return one result for each interval (ticks) from start to end, either way; 0 makes one of all.

        Raises:
            ValueError: naming an aggregate that is not known, or an interval that is not allowed.
        """
        low, high = min(start, end), max(start, end)
        series = self._around(name, low, high)
        if reach := further(series, start, end, interval):
            series = self._around(name, low - reach, high + reach)
        return query(series, start, end, interval, function)

    def _around(self, name: str, start: int, end: int) -> Series:
        """Return the samples from the last before `start` to the first at or after `end`."""
        number, info = self._find(name)
        low = self._edge("max(time)", "time <= ?", number, start)
        high = self._edge("min(time)", "time >= ?", number, end)
        rows = self._connection.execute(
            "SELECT time, value, status FROM sample WHERE signal = ? AND time BETWEEN ? AND ? ORDER BY time, epoch",
            (number, start if low is None else low, end if high is None else high),
        )
        latest = {row[0]: row for row in rows}
        """Of a time that was there twice, the later epoch's."""
        samples = list(latest.values())
        if info.data_type == BOOLEAN:
            samples = [(when, _typed(info, value), status) for when, value, status in samples]
        return Series.of(samples, stepped=info.stepped, covered_to=end if info.stepped else None)

    def _edge(self, what: str, condition: str, number: int, time: int) -> int | None:
        query = f"SELECT {what} FROM sample WHERE signal = ? AND {condition}"  # noqa: S608 - our own words
        found: int | None = self._connection.execute(query, (number, time)).fetchone()[0]
        return found

    def _find(self, name: str) -> tuple[int, SignalInfo]:
        query = "SELECT id, name, unit, data_type, stepped FROM signal WHERE name = ?"
        row = self._connection.execute(query, (name,)).fetchone()
        if row is None:
            import difflib

            names = [info.name for info in self.signals()]
            raise UnknownSignal(name, difflib.get_close_matches(name, names, 3))
        return row[0], _info(*row[1:])


def _info(name: str, unit: str, data_type: int, stepped: int) -> SignalInfo:
    return SignalInfo(name, unit, data_type, bool(stepped))


def _sample(info: SignalInfo, row: Sequence[Scalar | None]) -> Sample:
    time, value, status, server_time, epoch, seq = row
    return Sample(
        int(time or 0),
        info.name,
        _typed(info, value),
        int(status or 0),
        int(server_time or 0),
        int(epoch or 0),
        int(seq or 0),
    )


def _typed(info: SignalInfo, value: Scalar | None) -> Scalar | None:
    return bool(value) if info.data_type == BOOLEAN and value is not None else value
