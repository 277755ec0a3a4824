"""The answer for one node, by what kind of details were asked for."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
from asyncua import ua

from opcua_server.historical_access import modified, processed, raw
from opcua_server.historical_access.encoding import Result, no_bound, samples
from opcua_server.historical_access.results import columns_of
from plant import quality
from plant.clock import TICKS_PER_SECOND
from runtime.opcua_link.filetime import ticks_of
from timeseries.aggregates import Aggregate, AggregateConfiguration, Intervals, at_times, ticks_of_interval
from timeseries.aggregating import in_steps
from timeseries.kinds import is_sensible, kind_of
from timeseries.reading import History
from timeseries.signals import SignalInfo
from timeseries.spans import Spans

_NO_TIME_BELOW = TICKS_PER_SECOND
"""A time that is not given arrives as DateTime.MinValue."""
_TICKS_PER_MILLISECOND = TICKS_PER_SECOND // 1000
_DONE = struct.Struct("<I")
"""Continuation point of what is answered by number: how many."""
_NO_SERVER_TIMES = Result(int(ua.StatusCodes.BadTimestampsToReturnInvalid))
"""What is computed has a SourceTimestamp only (OPC 10000-13 v1.05 §5.4.3.1); with both asked for, that is given."""
Steps = Generator[None, None, Result]
"""Returns the answer after some steps, between which others may have their turn."""

_ASKED: dict[type, tuple[str, ...]] = {
    ua.ReadRawModifiedDetails: ("IsReadModified", "StartTime", "EndTime", "ReturnBounds"),
    ua.ReadAtTimeDetails: ("ReqTimes", "UseSimpleBounds"),
    ua.ReadProcessedDetails: ("StartTime", "EndTime", "ProcessingInterval", "AggregateConfiguration"),
    ua.ReadEventDetails: ("StartTime", "EndTime", "Filter"),
}
"""What stays the same from page to page; of how many values a page is, may change."""


def asked_of(details: Any) -> bytes:
    """Return what tells the details of a call from others, however much is asked for."""
    asked = [getattr(details, name) for name in _ASKED.get(type(details), ())]
    ticks = [ticks_of(each) if isinstance(each, datetime) else each for each in asked]
    return hashlib.sha256(repr((type(details).__name__, ticks)).encode()).digest()


def question_of(asked: bytes, node: ua.NodeId, function: ua.NodeId | None = None) -> bytes:
    """Return what tells a question about one node from others: a continuation point is of one."""
    return asked + repr((node, function)).encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """Reads what one node has recorded."""

    history: History
    number: int
    info: SignalInfo
    wanted: ua.TimestampsToReturn
    point: bytes
    """Continuation point; empty in the beginning."""

    def raw(self, details: ua.ReadRawModifiedDetails, room: int, octets: int) -> Result:
        """Return samples as they are."""
        span = span_of(details)
        if span is None:
            return Result(int(ua.StatusCodes.BadHistoryOperationInvalid))
        point = raw.Point.of(self.point) if self.point else None
        room = min(details.NumValuesPerNode or room, room)
        page = raw.read(self.history, self.number, self.info, span, room, point, octets)
        shown = modified.marked(self.history, self.number, page.samples)
        before, after = (
            [no_bound(time, self.wanted)] if time is not None else [] for time in (page.before, page.after)
        )
        return Result(
            quality.GOOD if len(page) else quality.GOOD_NO_DATA,
            page.point.packed() if page.point is not None else b"",
            chain(before, samples(shown, self.info, self.wanted), after),
            len(page),
        )

    def modified(self, details: ua.ReadRawModifiedDetails, room: int, octets: int) -> Result:
        """Return what was changed."""
        if details.ReturnBounds:
            return Result(quality.BAD_INVALID_ARGUMENT)
        span = span_of(details)
        if span is None:
            return Result(int(ua.StatusCodes.BadHistoryOperationInvalid))
        point = modified.Point.of(self.point) if self.point else None
        room = min(details.NumValuesPerNode or room, room)
        page, infos, rest = modified.read(self.history, self.number, span, room, point, octets)
        return Result(
            quality.GOOD if infos else quality.GOOD_NO_DATA,
            rest.packed() if rest is not None else b"",
            samples(page, self.info, self.wanted),
            len(infos),
            infos,
        )

    def at_time(self, details: ua.ReadAtTimeDetails, room: int) -> Steps:
        """Return the value at each time, raw or interpolated; a step is of times that lie near each other."""
        times = [ticks_of(time) for time in details.ReqTimes or ()]
        done = _done(self.point)
        if not times or min(times) < _NO_TIME_BELOW:
            return Result(quality.BAD_INVALID_ARGUMENT)
        if self.wanted == ua.TimestampsToReturn.Server:
            return _NO_SERVER_TIMES
        page = np.array(times[done : done + room], np.int64)
        values, statuses = np.full(len(page), None, object), np.zeros(len(page), np.uint32)
        for places, series in Spans(self.history, self.number, self.info).runs_around(page):
            run = [(np.arange(len(places)), series)]
            found = at_times(page[places], run, simple=bool(details.UseSimpleBounds))
            values[places], statuses[places] = found.values, found.statuses
            yield
        more = done + len(page) < len(times)
        point = _DONE.pack(done + len(page)) if more else b""
        columns = columns_of(page, values, statuses, self.info)
        return Result(quality.GOOD, point, samples(columns, self.info, ua.TimestampsToReturn.Source), len(columns))

    def processed(self, details: ua.ReadProcessedDetails, function: ua.NodeId, room: int) -> Steps:
        """Return an aggregate of each interval; a step is of so many samples."""
        name = processed.AGGREGATES.get(function)
        if name is None or not is_sensible(name, self.info):
            return Result(int(ua.StatusCodes.BadAggregateNotSupported))
        if self.wanted == ua.TimestampsToReturn.Server:
            return _NO_SERVER_TIMES
        start, end = _given(details.StartTime), _given(details.EndTime)
        if not start or not end or start == end or not 0 <= details.ProcessingInterval < 2**63 / _TICKS_PER_MILLISECOND:
            return Result(quality.BAD_INVALID_ARGUMENT)
        try:
            aggregate = Aggregate(name, _configuration(details.AggregateConfiguration))
        except ValueError:
            return Result(int(ua.StatusCodes.BadAggregateInvalidInputs))
        try:
            interval = ticks_of_interval(details.ProcessingInterval / 1000)
        except ValueError:
            return Result(quality.BAD_INVALID_ARGUMENT)
        done = _done(self.point)
        intervals = Intervals.between(start, end, interval, done, room)
        count = -(-abs(end - start) // interval) if interval else 1
        found = yield from in_steps(self.history, self.number, self.info, intervals, aggregate)
        kind = kind_of(name, self.info)
        columns = columns_of(found.times, found.values, found.statuses, kind)
        done += len(columns)
        point = _DONE.pack(done) if done < count else b""
        return Result(quality.GOOD, point, samples(columns, kind, ua.TimestampsToReturn.Source), len(columns))


def _given(time: Any) -> int:
    """Return ticks, 0 for a time that is not given."""
    ticks = ticks_of(time)
    return ticks if ticks > _NO_TIME_BELOW else 0


def _done(point: bytes) -> int:
    """Return how much is answered."""
    return int(_DONE.unpack(point)[0]) if point else 0


def span_of(details: Any) -> raw.Span | None:
    """Return from when to when, None where too little is given: two of start, end and a number of values."""
    start, end = _given(details.StartTime), _given(details.EndTime)
    if (not start and not end) or ((not start or not end) and not details.NumValuesPerNode):
        return None
    return raw.Span(start, end, bool(getattr(details, "ReturnBounds", False)))


def _configuration(asked: ua.AggregateConfiguration) -> AggregateConfiguration:
    """Return what was asked for, or the server's own; raises ValueError."""
    if asked.UseServerCapabilitiesDefaults:
        return AggregateConfiguration()
    return AggregateConfiguration(
        bool(asked.TreatUncertainAsBad),
        int(asked.PercentDataBad),
        int(asked.PercentDataGood),
        bool(asked.UseSlopedExtrapolation),
    )
