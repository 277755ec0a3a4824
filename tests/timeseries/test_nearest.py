"""What an aggregate or a value is made of beyond what is asked for: it does not depend on what else is asked."""

from __future__ import annotations

import pytest

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.aggregates import AggregateConfiguration
from timeseries.reader import Reader
from timeseries.signals import SignalInfo
from timeseries.store import Store

from .conftest import at, put, sample

S = TICKS_PER_SECOND
OWN, SENSOR = "R101.Odd", quality.BAD_SENSOR_FAILURE


@pytest.mark.parametrize("first", [(None, SENSOR), (5.0, quality.UNCERTAIN)])
def test_no_data_in_the_middle_is_no_time_before_all_data(
    store: Store, reader: Reader, first: tuple[float | None, int]
) -> None:
    store.declare([SignalInfo(OWN, "", 11)])
    put(store, sample(OWN, 0, *first), sample(OWN, 10, None, quality.BAD_NO_DATA))
    put(store, sample(OWN, 20, 1.0), sample(OWN, 30, 1.0))
    for function in ("PercentBad", "DurationBad", "WorstQuality2", "Count", "Minimum", "TimeAverage"):
        alone = reader.aggregated(OWN, at(12), at(28), 8 * S, function)
        with_more = reader.aggregated(OWN, at(-4), at(28), 8 * S, function)
        assert alone.plain == with_more.plain[2:], function
        assert alone.statuses.tolist() == with_more.statuses.tolist()[2:], function
    assert reader.aggregated(OWN, at(12), at(20), 0, "PercentBad").plain == [100.0]


@pytest.mark.parametrize("function", ["Interpolative", "TimeAverage", "Total", "Average", "PercentGood", "Start"])
def test_what_a_changed_type_gives_does_not_depend_on_what_else_is_asked(
    store: Store, reader: Reader, function: str
) -> None:
    store.declare([SignalInfo(OWN, "", 6, stepped=True)])
    put(store, sample(OWN, 0, 5), sample(OWN, 10, 7))
    store.declare([SignalInfo(OWN, "", 11, stepped=True)])
    put(store, sample(OWN, 20, None, SENSOR), sample(OWN, 40, None, SENSOR), sample(OWN, 60, 9.0))
    alone = reader.aggregated(OWN, at(30), at(35), 5 * S, function)
    with_more = reader.aggregated(OWN, at(5), at(35), 5 * S, function)
    assert (alone.plain[0], alone.statuses[0]) == (with_more.plain[-1], with_more.statuses[-1])


def test_a_line_that_goes_on_behind_a_changed_type_does_not_either(store: Store, reader: Reader) -> None:
    store.declare([SignalInfo(OWN, "", 11)])
    put(store, sample(OWN, 0, 1.0), sample(OWN, 10, 11.0))
    store.declare([SignalInfo(OWN, "", 6)])
    put(store, sample(OWN, 20, 31))
    sloped = AggregateConfiguration(use_sloped_extrapolation=True)
    alone = reader.aggregated(OWN, at(30), at(35), 0, "Interpolative", sloped)
    with_more = reader.aggregated(OWN, at(5), at(35), 25 * S, "Interpolative", sloped)
    assert (alone.plain[0], alone.statuses[0]) == (with_more.plain[1], with_more.statuses[1])
    assert alone.plain == [51.0]
