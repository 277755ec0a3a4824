"""Raw samples with bounds, either way, page by page (OPC 10000-11 v1.05 §4.6, §6.5.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from opcua_server.historical_access.encoding import fitting
from opcua_server.historical_access.points import ContinuationPoint
from opcua_server.wire.messages import ANY_SIZE
from plant.clock import TICKS_PER_SECOND
from timeseries.columns import Columns
from timeseries.reading import FOREVER, History
from timeseries.signals import SignalInfo

_LATEST_EPOCH = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Point(ContinuationPoint):
    """Time and epoch of what was sent last."""

    layout = struct.Struct("<qI")

    time: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Span:
    """What was asked for; a time that was not given is 0, and at least one is."""

    start: int
    end: int
    with_bounds: bool

    @property
    def is_backward(self) -> bool:
        """True when the latest sample comes first."""
        return not self.start or (self.end != 0 and self.end < self.start)

    @property
    def low(self) -> int:
        """The earlier time, 0 where it is open: who gives the end only reads from there into the past (§6.5.3.2)."""
        return min(self.start, self.end) if self.start and self.end else self.start

    @property
    def high(self) -> int:
        """The later time, 0 where it is open."""
        return max(self.start, self.end) if self.start and self.end else self.end

    @property
    def has_open_bound(self) -> bool:
        """True when a bound is wanted where no time was given: there is none, at the end of the answer."""
        return self.with_bounds and not (self.start and self.end)

    @property
    def within(self) -> tuple[int, int]:
        """From when to before when; the end of the interval does not belong to it, whichever way it is read."""
        low, high = self.low or -FOREVER, self.high + 1 if self.high else FOREVER
        if self.low and self.high and self.low != self.high:
            return (low + 1, high) if self.is_backward else (low, high - 1)
        return low, high


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the answer, in its order: a bound that was not found, samples, the other bound that was not."""

    before: int | None
    """The time of a bound of which there is no sample."""
    samples: Columns
    after: int | None
    point: Point | None
    """Where the rest begins; None: there is no more."""

    def __len__(self) -> int:
        return (self.before is not None) + len(self.samples) + (self.after is not None)


def read(
    history: History, number: int, info: SignalInfo, span: Span, most: int, point: Point | None, octets: int = ANY_SIZE
) -> Page:
    """Return at most so many values and bytes of a signal, behind a continuation point if there is one."""
    low, high, before, after = _limits(history, number, info, span)
    backward = span.is_backward
    if backward:
        before, after = after, before
    if point is not None:
        before = None
        low, high = (low, min(high, point.time + 1)) if backward else (max(low, point.time), high)
    room = most - (before is not None)
    found = _first(history, number, info, low, high, room + 1, point, backward=backward)
    shown = found.take(np.arange(min(room, fitting(found, octets))))
    last = _last(shown, before, point, backward=backward)
    if span.has_open_bound and last is not None:
        after = last.time + (-1 if backward else 1) * TICKS_PER_SECOND  # §4.6 Table 1, notes b and c
    if len(found) > len(shown) or (after is not None and len(shown) == room):
        return Page(before, shown, None, last)
    return Page(before, shown, after, None)


def _limits(history: History, number: int, info: SignalInfo, span: Span) -> tuple[int, int, int | None, int | None]:
    """Return from when to before when samples are wanted; and the earlier and the later bound where there is none."""
    if not span.with_bounds:
        return *span.within, None, None
    before, after = history.edges(number, info, span.low, span.high + (span.low == span.high))
    low = (before or span.low) if span.low else -FOREVER
    high = (after or span.high) + 1 if span.high else FOREVER
    return low, high, _missing(span.low, before), _missing(span.high, after)


def _missing(end: int, found: int | None) -> int | None:
    """Return an end that was given, where no sample was found at or beyond it."""
    return end if end and found is None else None


def _first(
    history: History,
    number: int,
    info: SignalInfo,
    low: int,
    high: int,
    most: int,
    point: Point | None,
    *,
    backward: bool,
) -> Columns:
    """Return the first samples in the order of the answer, as many as are wanted or more."""
    parts = [Columns.of(0)]
    for page in history.pages(number, info, low, high, most, backward=backward):
        part = page
        if point is not None:
            times, epochs = page.times, page.epochs
            if backward:
                part = page.take((times < point.time) | ((times == point.time) & (epochs < point.epoch)))
            else:
                part = page.take((times > point.time) | ((times == point.time) & (epochs > point.epoch)))
        parts.append(part.take(np.arange(len(part))[::-1]) if backward else part)
        if sum(map(len, parts)) >= most:
            break
    return Columns.joined(parts)


def _last(shown: Columns, before: int | None, point: Point | None, *, backward: bool) -> Point | None:
    if len(shown):
        return Point(int(shown.times[-1]), int(shown.epochs[-1]))
    if before is not None:
        return Point(before, 0 if backward else _LATEST_EPOCH)
    return point
