"""Raw samples with bounds, either way, page by page (OPC 10000-11 v1.05 §6.5.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from opcua_server.historical_access.points import ContinuationPoint
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
    def limits(self) -> tuple[int, int]:
        """From when to before when samples are wanted, without bounds."""
        low, high = self.low or -FOREVER, self.high + 1 if self.high else FOREVER
        if self.low and self.high and self.low != self.high:
            # The end of the interval does not belong to it, whichever way it is read.
            return (low + 1, high) if self.is_backward else (low, high - 1)
        return low, high

    @property
    def low(self) -> int:
        """The earlier time, 0 where it is open."""
        return self.end if self.is_backward else self.start

    @property
    def high(self) -> int:
        """The later time, 0 where it is open."""
        return self.start if self.is_backward else self.end


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


def read(history: History, number: int, info: SignalInfo, span: Span, most: int, point: Point | None) -> Page:
    """Return at most so many values of a signal, behind a continuation point if there is one."""
    low, high, missing = _limits(history, number, info, span)
    backward = span.is_backward
    ends = (span.high, span.low) if backward else (span.low, span.high)
    before, after = (end if end in missing else None for end in ends)
    if point is not None:
        before = None
        low, high = (low, min(high, point.time + 1)) if backward else (max(low, point.time), high)
    room = most - (before is not None)
    found = _first(history, number, info, low, high, room + 1, point, backward=backward)
    shown = found.take(np.arange(min(room, len(found))))
    has_more = len(found) > len(shown) or (after is not None and len(shown) == room)
    if has_more:
        after = None
    return Page(before, shown, after, _behind(shown, before, point, backward=backward) if has_more else None)


def _limits(history: History, number: int, info: SignalInfo, span: Span) -> tuple[int, int, set[int]]:
    """Return from when to before when samples are wanted, and the bounds of which there is none."""
    if not span.with_bounds:
        return *span.limits, set()
    low, high, missing = span.low or -FOREVER, span.high + 1 if span.high else FOREVER, set[int]()
    before, after = history.edges(number, info, span.low, span.high)
    if span.low:
        low = low if before is None else before
        missing |= {span.low} if before is None else set()
    if span.high:
        high = high if after is None else after + 1
        missing |= {span.high} if after is None else set()
    return low, high, missing


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


def _behind(shown: Columns, before: int | None, point: Point | None, *, backward: bool) -> Point | None:
    if len(shown):
        return Point(int(shown.times[-1]), int(shown.epochs[-1]))
    if before is not None:
        return Point(before, 0 if backward else _LATEST_EPOCH)
    return point
