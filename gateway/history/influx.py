"""History read back from InfluxDB 2 by Flux."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.history.computed import Computed, FindInfo
from gateway.history.flux import Flux
from plant import quality
from plant.clock import TICKS_PER_SECOND, UNIX_EPOCH_TICKS, ticks_from_unix_ns, unix_ns_from_ticks
from plant.names import split_signal
from timeseries.aggregates import AggregateConfiguration
from timeseries.answers import Answer
from timeseries.columns import Columns
from timeseries.signals import DATETIME, UINT64, SignalInfo
from timeseries.spans import known, latest

FIRST_NS, LAST_NS = 0, 9_214_646_400_000_000_000
"""1970 and 2262, about as far as InfluxDB's times go; without a stop a range ends at the wall clock's now."""
EARLIEST, LATEST = ticks_from_unix_ns(FIRST_NS), ticks_from_unix_ns(LAST_NS)
ESCAPE = (
    r'map(fn: (r) => ({r with _value: strings.replaceAll(t: "\r", u: "\\r",'
    r' v: strings.replaceAll(t: "\\", u: "\\s", v: string(v: r._value)))})) |> '
)
"""Has texts come with their carriage returns: InfluxDB's CSV leaves them out, and puts one before each line feed.

Before the pivot: behind it, InfluxDB 2.7 puts a text in the place of one that is not there.
"""
WINDOW = 6 * 3600 * TICKS_PER_SECOND
"""What is read at once."""


class InfluxHistory(Computed):
    """The samples of one site; `where` is what run.json says of InfluxDB."""

    def __init__(self, where: Mapping[str, str], site: str, info: FindInfo) -> None:
        super().__init__(info)
        self._flux, self._bucket, self._site = Flux(where), where["bucket"], site

    def close(self) -> None:
        """Close it."""
        self._flux.close()

    async def now(self) -> int:
        """Return the newest time of the newest epoch."""
        newest = await self._asked(EARLIEST, LATEST, 'r._field == "q"', "last()")
        places = zip(newest["epoch"].to_pylist(), newest["ns"].to_pylist(), strict=True) if newest else ()
        return ticks_from_unix_ns(max(places, default=(0, unix_ns_from_ticks(0)))[1])

    async def last(self, name: str) -> Answer:
        """Return the newest sample, or nothing."""
        info = self.info(name)
        ends = await self._ends(info, EARLIEST, LATEST, "last")
        newest = ends.newest()
        if len(newest):
            time = int(newest.times[0])
            there = await self._read(info, time, time + 1)
            newest = there.take(there.epochs == newest.epochs[0])
        return Answer.of_columns(info, newest)

    async def pages(self, name: str, start: int, end: int) -> AsyncIterator[Answer]:
        """Yield samples with start <= time < end."""
        info = self.info(name)
        async for columns in self._windows(info, start, end):
            yield Answer.of_columns(info, columns)

    async def around(self, name: str, low: int, high: int) -> Columns:
        """Return samples from the last before a time to the first at or after another."""
        info = self.info(name)
        before = (await self._ends(info, EARLIEST, low, "last")).times
        behind = (await self._ends(info, high, LATEST, "first")).times
        low = int(before.max()) if len(before) else low
        high = int(behind.min()) if len(behind) else high
        return Columns.joined([page async for page in self._windows(info, low, high + 1)])

    async def nearest(
        self, name: str, place: int, count: int, configuration: AggregateConfiguration, *, backward: bool
    ) -> Columns:
        """Return so many samples that are not bad, the last before a time or the first at and after it."""
        info, found = self.info(name), Columns.of(0)
        low, high = (EARLIEST, place) if backward else (place, LATEST)
        while len(found) < count:
            ends = (await self._ends(info, low, high, "last" if backward else "first", configuration.least_bad)).times
            if not len(ends):
                break
            place = int(ends.max() if backward else ends.min())
            some = known(latest(await self._read(info, place, place + 1)), configuration)
            found = Columns.joined([some, found] if backward else [found, some])
            low, high = (low, place) if backward else (place + 1, high)
        return found

    async def _windows(self, info: SignalInfo, start: int, end: int) -> AsyncIterator[Columns]:
        """Yield what is in a span, in order; where nothing is, it is not looked for window by window."""
        while start < end:
            found = await self._read(info, start, min(start + WINDOW, end))
            if len(found):
                yield found
                start += WINDOW
                continue
            following = (await self._ends(info, start, end, "first")).times
            if not len(following):
                return
            start = int(following.min())

    async def _ends(self, info: SignalInfo, start: int, end: int, which: str, least_bad: int = 4) -> Columns:
        """Return the first or last sample of each epoch below a severity, without value; each has a StatusCode."""
        is_wanted = f'r._field == "q" and r._value < uint(v: {least_bad << 30})'
        question = f'filter(fn: (r) => {is_wanted}) |> {which}() |> rename(columns: {{_value: "q"}})'
        return _columns(info, await self._ask(info, start, end, question))

    async def _read(self, info: SignalInfo, start: int, end: int) -> Columns:
        question = ESCAPE if info.is_text else ""
        question += 'pivot(rowKey: ["_time", "epoch"], columnKey: ["_field"], valueColumn: "_value")'
        return _columns(info, await self._ask(info, start, end, question)).in_order()

    async def _ask(self, info: SignalInfo, start: int, end: int, question: str) -> dict[str, Any]:
        reactor, leaf = split_signal(info.name)
        return await self._asked(start, end, f'r.reactor == "{reactor}" and r.signal == "{leaf}"', question)

    async def _asked(self, start: int, end: int, where: str, question: str) -> dict[str, Any]:
        first, last = _within(start), _within(end)
        if first >= last:
            return {}
        return await self._flux.answer(
            f'import "strings" from(bucket: "{self._bucket}") |> range(start: time(v: {first}), stop: time(v: {last}))'
            f' |> filter(fn: (r) => r._measurement == "opc" and r.site == "{self._site}" and {where})'
            f" |> {question} |> map(fn: (r) => ({{r with ns: int(v: r._time)}})) |> group()",
        )


def _within(ticks: int) -> int:
    return min(max(unix_ns_from_ticks(ticks), FIRST_NS), LAST_NS)


def _whole(info: SignalInfo, numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return doubles as words of integers; one that was rounded beyond the type's last is that."""
    limits = np.iinfo(np.uint64 if info.data_type == UINT64 else np.int64)
    is_beyond = numbers >= float(limits.max)
    found = np.where(is_beyond, 0.0, np.nan_to_num(numbers)).astype(limits.dtype)
    found[is_beyond] = limits.max
    return found.view(np.int64)


def _text(told: str) -> str:
    """Return a text that `ESCAPE` was applied to."""
    return told.replace("\r\n", "\n").replace("\\r", "\r").replace("\\s", "\\")


def _columns(info: SignalInfo, table: Mapping[str, Any]) -> Columns:
    """Return samples in the signal's own type; an empty text is no field at all once Telegraf has written it."""
    if not table:
        return Columns.of(0)
    statuses = table["q"].to_numpy().astype(np.uint32)
    words, texts = np.zeros(len(statuses), np.int64), {}
    is_known = statuses < quality.BAD
    if info.is_text:
        found = enumerate(table["s"].to_pylist())
        texts = {row: _text(text or "") for row, text in found if is_known[row]}
    elif info.data_type == DATETIME:
        dates = {row: info.word(text) for row, text in enumerate(table["s"].to_pylist()) if text}
        words[list(dates)] = list(dates.values())
    else:
        numbers = table["v"].to_numpy()[is_known]
        words[is_known] = numbers.view(np.int64) if info.is_float else _whole(info, numbers)
    times = table["ns"].to_numpy() // 100 + UNIX_EPOCH_TICKS
    return Columns.of(
        len(statuses), texts, times=times, epochs=table["epoch"].to_numpy(), statuses=statuses, words=words
    )
