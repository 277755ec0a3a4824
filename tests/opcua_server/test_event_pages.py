"""Pages of events against an obvious list: whatever a call may return and look at, all come once and in order."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from opcua_server.anomaly_events import AnomalyEvents
from opcua_server.events import Events
from opcua_server.historical_access.events import Point, Room, Wanted, read
from opcua_server.historical_access.raw import Span
from opcua_server.limits import ServerLimits
from opcua_server.monitoring.event_filter import EventFilter
from opcua_server.services.event_filters import agree
from timeseries.event_log import EventLog, EventReader, Occurrence

from .conftest import templated_space
from .event_history import V, element, event_filter, literal, plant, select

REACTORS = ("R101", "R102", "R103")
HIDDEN = plant("R103")
BASE_TIME = 10**9


@pytest.fixture(scope="module")
def made(data: Path) -> AnomalyEvents:
    return AnomalyEvents(Events(templated_space(data, REACTORS)))


def occurrence(number: int, second: int, source: str, severity: int) -> Occurrence:
    time = BASE_TIME + second
    return Occurrence(
        number, time, 0, time, number.to_bytes(16), source, number % 2 == 0, time, "T high", 1.0, severity, "words"
    )


def condition(made: AnomalyEvents, least: int) -> EventFilter:
    where = element(ua.FilterOperator.GreaterThanOrEqual, select("Severity"), literal(least, V.UInt16))
    agreed, _ = agree(event_filter(("EventId",), where), made.types, ServerLimits())
    assert agreed is not None
    return agreed


def is_within(time: int, start: int, end: int) -> bool:
    if not start or not end:
        return time >= start if start else time <= end
    if start == end:
        return time == start
    return start <= time < end if start < end else end < time <= start


def expected(events: list[Occurrence], source: str | None, span: Span, least: int) -> list[bytes]:
    """Return the ids of the events that are wanted, obviously."""
    is_backward = not span.start or 0 < span.end < span.start
    return [
        each.event_id
        for each in sorted(events, key=lambda each: (each.time, each.id), reverse=is_backward)
        if is_within(each.time, span.start, span.end)
        and source in (None, each.source)
        and each.source != "R103"
        and each.severity >= least
    ]


@given(
    places=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(REACTORS), st.integers(1, 9)), max_size=20),
    ends=st.tuples(st.none() | st.integers(0, 10), st.none() | st.integers(0, 10)).filter(any),
    source=st.sampled_from((None, "R101", "R102")),
    least=st.integers(1, 9),
    most=st.integers(1, 5),
    room=st.tuples(st.integers(1, 5), st.integers(1, 100), st.integers(1, 8)),
)
def test_all_pages_together_have_what_a_list_has(
    made: AnomalyEvents,
    places: list[tuple[int, str, int]],
    ends: tuple[int | None, int | None],
    source: str | None,
    least: int,
    most: int,
    room: tuple[int, int, int],
) -> None:
    events = [occurrence(number, *place) for number, place in enumerate(places, start=1)]
    start, end = (BASE_TIME + each if each is not None else 0 for each in ends)
    span = Span(start, end, with_bounds=False)
    wanted = Wanted(source, span, most, condition(made, least), lambda event: event.source != HIDDEN)
    found: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog(Path(folder))
        log.append(events)
        reader = EventReader(Path(folder))
        point: Point | None = None
        while True:
            page, point = read(reader, made, wanted, Room(*room), point)
            assert len(page) <= min(most, room[0])
            found += page
            if point is None:
                break
            point = Point.of(point.packed())
        reader.close()
        log.close()
    ids = [fields[-16:] for fields in found]
    assert ids == expected(events, source, span, least)
