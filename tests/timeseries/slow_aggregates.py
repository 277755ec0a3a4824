"""The aggregates of OPC 10000-13 v1.05 once more: one interval at a time, sample by sample, as the text says it."""

from __future__ import annotations

import math
import statistics
from itertools import pairwise

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.aggregates import AggregateConfiguration

from .slow_interval import (
    CALCULATED,
    INTERPOLATED,
    MILLISECOND,
    MULTIPLE,
    NO_DATA,
    RAW,
    SUB_NORMAL,
    Answer,
    Point,
    SlowInterval,
)


class Slow(SlowInterval):
    """Every aggregate; `answer` asks by the standard's name."""

    # Averages

    def do_interpolative(self) -> Answer:
        bound = self.interpolated_bound(self.stamp, self.stepped)
        bits = RAW if bound.raw or bound.severity >= 2 else INTERPOLATED
        return self.stamp, bound.value, bound.status | bits

    def do_average(self) -> Answer:
        goods = self.goods()
        return self.calculated(statistics.fmean(p.value for p in goods) if goods else None, self.by_count())

    def do_total(self) -> Answer:
        area, _, status = self.joined()
        return self.calculated(area, status)

    def do_timeaverage(self) -> Answer:
        area, seconds, status = self.joined()
        return self.calculated(None if area is None else area / seconds, status)

    def joined(self) -> tuple[float | None, float, int]:
        """Return area and seconds under straight lines between values that are not bad."""
        usable = [p for p in self.all if not self.bad(p)]
        if not usable or usable[0].time >= self.high:
            return None, 0.0, NO_DATA
        start = max(self.low, usable[0].time)
        times = sorted({start, self.high, *(p.time for p in usable if start < p.time < self.high)})
        points = [self.interpolated_bound(time, stepped=False) for time in times]
        area = math.fsum((a.value + b.value) / 2 * (b.time - a.time) / TICKS_PER_SECOND for a, b in pairwise(points))
        covering = [p for p in self.all if times[0] <= p.time < self.high]
        certain = (
            start == self.low
            and not any(p.severity for p in covering)
            and not any(p.severity for p in (points[0], points[-1]))
            and self.all[-1].time >= self.high
        )
        return area, (self.high - start) / TICKS_PER_SECOND, quality.GOOD if certain else SUB_NORMAL

    def do_total2(self) -> Answer:
        known = [r for r in self.regions() if r.left is not None and r.right is not None and r.ticks]
        area = math.fsum((r.left + r.right) / 2 * r.ticks / TICKS_PER_SECOND for r in known)  # type: ignore[operator]
        return self.calculated(area if known else None, self.by_time())

    def do_timeaverage2(self) -> Answer:
        time, value, status = self.do_total2()
        seconds = sum(r.ticks for r in self.regions() if r.left is not None) / TICKS_PER_SECOND
        return time, None if value is None else value / seconds, status

    # Extremes

    def extreme(self, best, actual_time: bool) -> Answer:
        goods = self.goods()
        if not goods:
            return self.stamp, None, NO_DATA
        value = best(p.value for p in goods)
        same = [p for p in goods if p.value == value]
        certain = self.undisturbed(best, value)
        status = (quality.GOOD if certain else SUB_NORMAL) | (MULTIPLE if len(same) > 1 else 0)
        if actual_time:
            return same[0].time, value, status
        at_start = certain and same[0].time == self.stamp
        return self.stamp, value, status | (RAW if at_start else CALCULATED)

    def undisturbed(self, best, value: float) -> bool:
        uncertain = [p.value for p in self.inside if p.severity == 1]
        return not any(self.bad(p) for p in self.inside) and best([value, *uncertain]) == value

    def do_minimum(self) -> Answer:
        return self.extreme(min, False)

    def do_maximum(self) -> Answer:
        return self.extreme(max, False)

    def do_minimumactualtime(self) -> Answer:
        return self.extreme(min, True)

    def do_maximumactualtime(self) -> Answer:
        return self.extreme(max, True)

    def do_range(self) -> Answer:
        values = [p.value for p in self.goods()]
        if not values:
            return self.stamp, None, NO_DATA
        certain = self.undisturbed(min, min(values)) and self.undisturbed(max, max(values))
        return self.calculated(max(values) - min(values), quality.GOOD if certain else SUB_NORMAL)

    def candidates(self) -> list[Point]:
        """Return start bound, raw values and end bound in order of time, each once."""
        points = [p for p in self.inside if not self.bad(p)]
        early, late = self.simple_bound(self.low), self.simple_bound(self.high)
        if early.severity < 2 and early not in points:
            points.insert(0, Point(early.time, early.value, early.status, raw=early.raw))
        if late.severity < 2 and late not in points and not self.stepped:
            points.append(late)
        return points

    def extreme2(self, best, actual_time: bool) -> Answer:
        points = self.candidates()
        if not points:
            return self.stamp, None, NO_DATA
        value = best(p.value for p in points)
        same = [p for p in points if p.value == value]
        one, status = same[0], self.by_time() | (MULTIPLE if len(same) > 1 else 0)
        is_inside = one.raw and one in self.inside
        if actual_time:
            time = one.time
            if not is_inside and time == (self.low if self.backward else self.high):
                time += MILLISECOND if self.backward else -MILLISECOND
            return min(max(time, self.low), self.high), value, status | (RAW if is_inside else INTERPOLATED)
        bits = (RAW if one.time == self.stamp else CALCULATED) if one.raw else INTERPOLATED
        return self.stamp, value, status | bits

    def do_minimum2(self) -> Answer:
        return self.extreme2(min, False)

    def do_maximum2(self) -> Answer:
        return self.extreme2(max, False)

    def do_minimumactualtime2(self) -> Answer:
        return self.extreme2(min, True)

    def do_maximumactualtime2(self) -> Answer:
        return self.extreme2(max, True)

    def do_range2(self) -> Answer:
        values, status = [p.value for p in self.candidates()], self.by_time()
        if not values or quality.is_bad(status):
            return self.stamp, None, NO_DATA
        return self.calculated(max(values) - min(values), status)

    # Counts

    def counted(self, count: int) -> Answer:
        status = self.by_count()
        return self.stamp, count, status if quality.is_bad(status) else status | CALCULATED

    def do_count(self) -> Answer:
        return self.counted(len(self.goods()))

    def do_numberoftransitions(self) -> Answer:
        usable = [p for p in self.all if not self.bad(p)]
        changes = 0
        for place, point in enumerate(usable):
            if point in self.inside and (place == 0 or usable[place - 1].value != point.value):
                changes += 1
        return self.counted(changes)

    def in_state(self, zero: bool) -> Answer:
        ticks = sum(r.ticks for r in self.regions() if r.begins_good and (r.left == 0) == zero)
        return self.calculated(ticks / MILLISECOND, self.by_time())

    def do_durationinstatezero(self) -> Answer:
        return self.in_state(True)

    def do_durationinstatenonzero(self) -> Answer:
        return self.in_state(False)

    # Edges

    def do_start(self) -> Answer:
        return self.edge(0)

    def do_end(self) -> Answer:
        return self.edge(-1)

    def edge(self, place: int) -> Answer:
        if not self.inside:
            return self.stamp, None, NO_DATA
        point = self.inside[place]
        return point.time, point.value, point.status

    def do_delta(self) -> Answer:
        goods = self.goods()
        if not goods:
            return self.stamp, None, NO_DATA
        certain = goods[0] is self.inside[0] and goods[-1] is self.inside[-1]
        return self.calculated(goods[-1].value - goods[0].value, quality.GOOD if certain else SUB_NORMAL)

    def bounds(self) -> tuple[Point, Point]:
        early, late = self.simple_bound(self.low), self.simple_bound(self.high)
        return (late, early) if self.backward else (early, late)

    def do_startbound(self) -> Answer:
        bound = self.bounds()[0]
        bits = RAW if bound.raw or bound.severity >= 2 else INTERPOLATED
        return self.stamp, bound.value, bound.status | bits

    def do_endbound(self) -> Answer:
        bound = self.bounds()[1]
        return self.calculated(None if bound.severity >= 2 else bound.value, bound.status)

    def do_deltabounds(self) -> Answer:
        one, other = self.bounds()
        if one.severity >= 2 or other.severity >= 2:
            return self.stamp, None, NO_DATA
        certain = not one.severity and not other.severity
        return self.calculated(other.value - one.value, quality.GOOD if certain else SUB_NORMAL)

    # Qualities

    def ticks(self, good: bool) -> int:
        return sum(r.ticks for r in self.regions() if (r.begins_good if good else r.left is None))

    def do_durationgood(self) -> Answer:
        return self.calculated(self.ticks(True) / MILLISECOND, quality.GOOD)

    def do_durationbad(self) -> Answer:
        return self.calculated(self.ticks(False) / MILLISECOND, quality.GOOD)

    def do_percentgood(self) -> Answer:
        return self.calculated(self.percent(True), quality.GOOD)

    def do_percentbad(self) -> Answer:
        return self.calculated(self.percent(False), quality.GOOD)

    def percent(self, good: bool) -> float:
        return 100.0 * self.ticks(good) / max(sum(r.ticks for r in self.regions()), 1)

    def do_worstquality(self) -> Answer:
        return self.worst([p.status for p in self.inside])

    def do_worstquality2(self) -> Answer:
        lenient = AggregateConfiguration(treat_uncertain_as_bad=False)
        other = Slow(self.all, self.low, self.high, self.backward, self.stepped, lenient)
        early, late = other.simple_bound(self.low), other.simple_bound(self.high)
        inside_times = {p.time for p in self.inside}
        statuses = [] if self.low in inside_times else [early.status]
        statuses += [p.status for p in self.inside]
        return self.worst(statuses if self.high in inside_times else [*statuses, late.status])

    def worst(self, statuses: list[int]) -> Answer:
        if not statuses:
            return self.stamp, None, NO_DATA
        worst = max(status >> 30 for status in statuses)
        same = [status for status in statuses if status >> 30 == worst]
        return self.calculated(same[0], MULTIPLE if len(same) > 1 and worst else 0)

    # Deviations

    def spread(self, sample: bool, root: bool) -> Answer:
        values = [p.value for p in self.goods()]
        if not values:
            return self.stamp, None, NO_DATA
        result = 0.0
        if len(values) > 1:
            result = statistics.variance(values) if sample else statistics.pvariance(values)
        status = quality.GOOD if len(values) == len(self.inside) else SUB_NORMAL
        return self.calculated(math.sqrt(result) if root else result, status)

    def do_standarddeviationsample(self) -> Answer:
        return self.spread(True, True)

    def do_standarddeviationpopulation(self) -> Answer:
        return self.spread(False, True)

    def do_variancesample(self) -> Answer:
        return self.spread(True, False)

    def do_variancepopulation(self) -> Answer:
        return self.spread(False, False)

    do_standarddeviation = do_standarddeviationsample
