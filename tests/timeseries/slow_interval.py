"""One interval of a series, sample by sample: bounding values, regions and status as OPC 10000-13 v1.05 says them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.aggregates import AggregateConfiguration

MILLISECOND = TICKS_PER_SECOND // 1000
NO_DATA, SUB_NORMAL = quality.BAD_NO_DATA, quality.UNCERTAIN_DATA_SUB_NORMAL
RAW, CALCULATED, INTERPOLATED, PARTIAL, MULTIPLE = 0, 0x401, 0x402, 0x404, 0x410
Answer = tuple[int, float | None, int]
"""Timestamp, value, status."""


@dataclass(frozen=True)
class Point:
    """A sample, or a bound where `raw` is False."""

    time: int
    value: float
    status: int
    raw: bool = True

    @property
    def severity(self) -> int:
        return self.status >> 30


@dataclass(frozen=True)
class Region:
    """A part of an interval: from `left` at its start to `right` at its end; None where it is bad."""

    ticks: int
    left: float | None
    right: float | None
    uncertain: bool
    begins_good: bool


class SlowInterval:
    """One interval of a series; `backward` includes its late time and excludes its early one."""

    def __init__(
        self, points: Sequence[Point], low: int, high: int, backward: bool, stepped: bool,
        configuration: AggregateConfiguration, rest: bool = False,
    ) -> None:  # fmt: skip
        self.all, self.low, self.high, self.backward = points, low, high, backward
        self.stepped, self.configuration, self.rest = stepped, configuration, rest
        self.inside = [p for p in points if (low < p.time <= high if backward else low <= p.time < high)]
        self.stamp = high if backward else low

    def answer(self, name: str) -> Answer:
        first, last = self.all[0].time, self.all[-1].time
        before = self.high < first if self.backward else self.high <= first
        behind = last <= self.low if self.backward else last < self.low
        if before or (behind and name != "Interpolative"):
            return self.stamp, None, NO_DATA
        time, value, status = getattr(self, f"do_{name.lower()}")()
        if self.partial(first, last) and name not in ("Average", "Interpolative"):
            status |= PARTIAL
        return time, None if quality.is_bad(status) else value, status

    def partial(self, first: int, last: int) -> bool:
        if self.backward:
            return self.low < first <= self.high or self.low < last < self.high or (self.rest and first <= self.low)
        return self.low < first < self.high or self.low <= last < self.high or (self.rest and last >= self.high)

    def bad(self, point: Point) -> bool:
        return point.severity >= (1 if self.configuration.treat_uncertain_as_bad else 2)

    # Bounding values

    def simple_bound(self, time: int) -> Point:
        before = [p for p in self.all if p.time <= time]
        after = [p for p in self.all if p.time > time]
        nothing = Point(time, math.nan, NO_DATA, raw=False)
        if not before or self.bad(before[-1]):
            return nothing
        one = before[-1]
        if one.time == time:
            return one
        if not after:
            return nothing
        if self.stepped:
            return Point(time, one.value, SUB_NORMAL if one.severity else quality.GOOD, raw=False)
        other = after[0]
        if self.bad(other):
            return Point(time, one.value, SUB_NORMAL, raw=False)
        status = SUB_NORMAL if one.severity or other.severity else quality.GOOD
        return Point(time, line(one, other, time), status, raw=False)

    def interpolated_bound(self, time: int, stepped: bool) -> Point:
        before = [p for p in self.all if p.time <= time]
        usable = [p for p in before if not self.bad(p)]
        after = [p for p in self.all if p.time > time and not self.bad(p)]
        if not usable:
            return Point(time, math.nan, NO_DATA, raw=False)
        one = usable[-1]
        if one.time == time:
            return one
        if not any(p.time >= time for p in self.all) or (not after and not stepped):
            value = one.value
            if self.configuration.use_sloped_extrapolation and len(usable) > 1 and not self.stepped:
                value = line(usable[-2], one, time)
            return Point(time, value, SUB_NORMAL, raw=False)
        if stepped:
            certain = before[-1] is one and not one.severity
            return Point(time, one.value, quality.GOOD if certain else SUB_NORMAL, raw=False)
        skipped = any(one.time < p.time < after[0].time for p in self.all)
        status = SUB_NORMAL if skipped or one.severity or after[0].severity else quality.GOOD
        return Point(time, line(one, after[0], time), status, raw=False)

    def regions(self) -> list[Region]:
        """Return the regions of simple bounding values; the last sample lasts a millisecond."""
        high = min(self.high, self.all[-1].time + MILLISECOND)
        cuts = sorted({self.low, high, *(p.time for p in self.all if self.low < p.time < high)})
        found = []
        for start, end in pairwise(cuts):
            before = [p for p in self.all if p.time <= start]
            after = [p for p in self.all if p.time > start]
            if not before or self.bad(before[-1]):
                found.append(Region(end - start, None, None, False, False))
                continue
            one, other = before[-1], after[0] if after else None
            left = right = one.value
            uncertain = one.severity > 0
            if not self.stepped:
                if other is None or self.bad(other):
                    uncertain = True
                else:
                    uncertain = uncertain or other.severity > 0
                    left, right = line(one, other, start), line(one, other, end)
            begins_good = one.severity == 0 if one.time == start else not uncertain
            found.append(Region(end - start, left, right, uncertain, begins_good))
        return found

    # StatusCode calculation

    def enough_good(self, good: float, whole: float) -> bool:
        return good == whole or good * (100.0 / whole) >= self.configuration.percent_data_good

    def enough_bad(self, bad: float, whole: float) -> bool:
        bad_from, good_from = self.configuration.percent_data_bad, self.configuration.percent_data_good
        return bad_from + good_from != 100 and bad > 0 and bad * (100.0 / whole) >= bad_from

    def by_count(self) -> int:
        good, bad, whole = len(self.goods()), sum(self.bad(p) for p in self.inside), len(self.inside)
        if self.enough_good(good, whole):
            return quality.GOOD
        return quality.BAD if self.enough_bad(bad, whole) else SUB_NORMAL

    def by_time(self) -> int:
        strict = self.configuration.treat_uncertain_as_bad
        regions = self.regions()
        whole = sum(region.ticks for region in regions)
        good = sum(r.ticks for r in regions if r.left is not None and not (strict and r.uncertain))
        if self.enough_good(good, whole):
            return quality.GOOD
        return quality.BAD if self.enough_bad(whole - good, whole) else SUB_NORMAL

    def goods(self) -> list[Point]:
        return [p for p in self.inside if p.severity == 0]

    def calculated(self, value: float | None, status: int) -> Answer:
        if value is None:
            return self.stamp, None, NO_DATA
        return self.stamp, value, status | CALCULATED


def line(one: Point, other: Point, time: int) -> float:
    """Return the value at a time on the line through two points."""
    return one.value + (other.value - one.value) * (float(time - one.time) / (other.time - one.time))
