"""What begins and ends is recorded once before it is told, over restarts, and waits where the disk is full."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from opcua_server import anomalies as following
from opcua_server.anomalies import Anomalies
from opcua_server.anomaly_events import AnomalyEvents
from opcua_server.events import Events
from opcua_server.monitoring.event import Event
from opcua_server.nodes import plant_id
from opcua_server.tags import Tags
from plant import quality
from plant.names import NAMESPACE_INDEX
from runtime.opcua_link.filetime import ticks_of
from timeseries.event_log import EventLog, EventReader, Occurrence

from .conftest import templated_space

REACTORS = ("R101", "R102")


class Following:
    """A server's anomalies, as often as it is started."""

    def __init__(self, folder: Path, events: AnomalyEvents) -> None:
        self._folder, self._events = folder, events
        self.told: list[Event] = []
        self.recorded_when_told: list[int] = []
        self.start()

    def start(self, time: int = 0) -> None:
        self.tags, self.registry = Tags(REACTORS, CollectorRegistry()), CollectorRegistry()
        self.log = EventLog(self._folder)
        self.anomalies = Anomalies(REACTORS, self.tags, self.log, self._events, self._tell, self.registry)
        self.reader = EventReader(self._folder, self.anomalies.unwritten)
        for reactor in REACTORS:
            self.tags[f"{reactor}.Detector.Anomaly"].set(None, time, time, quality.BAD_WAITING_FOR_INITIAL_DATA)
        self.anomalies.flush()

    def close(self) -> None:
        self.reader.close()
        self.log.close()

    def say(self, time: int, *, anomaly: bool, cause: str = "", score: float = 1.0, reactor: str = "R101") -> None:
        for name, value in (("Anomaly", anomaly), ("Score", score), ("Cause", cause)):
            self.tags[f"{reactor}.Detector.{name}"].set(value, time, time + 5)
        self.anomalies.flush()

    def found(self) -> list[Occurrence]:
        return self.reader.page(None, 0, 2**62, 1000)

    def brief(self) -> list[tuple[int, str, bool, str, float]]:
        return [(each.time, each.source, each.is_beginning, each.cause, each.score) for each in self.found()]

    def _tell(self, event: Event) -> None:
        self.told.append(event)
        reader = EventReader(self._folder)
        self.recorded_when_told.append(len(reader.page(None, 0, 2**62, 1000)))
        reader.close()


@pytest.fixture(scope="module")
def events(data: Path) -> AnomalyEvents:
    return AnomalyEvents(Events(templated_space(data, REACTORS)))


@pytest.fixture
def server(tmp_path: Path, events: AnomalyEvents) -> Iterator[Following]:
    server = Following(tmp_path, events)
    yield server
    server.close()


def test_an_event_is_recorded_before_it_is_told(server: Following) -> None:
    server.say(10, anomaly=True, cause="T high", score=2.0)
    server.say(20, anomaly=True, cause="T high", score=5.0)
    server.say(30, anomaly=False, score=0.1)
    assert server.brief() == [(10, "R101", True, "T high", 2.0), (30, "R101", False, "T high", 5.0)]
    assert server.recorded_when_told == [1, 2]
    assert [each.fields["EventId",].Value for each in server.told] == [each.event_id for each in server.found()]


@pytest.mark.parametrize(("since", "ended"), [(25, 25), (30, 30), (0, 30), (10, 30), (31, 30)])
def test_it_ended_when_the_detector_says_where_that_can_be(server: Following, since: int, ended: int) -> None:
    server.tags["R101.Detector.Since"].set(10, 12, 12)
    server.say(12, anomaly=True)
    server.tags["R101.Detector.Since"].set(since, 30, 30)
    server.say(30, anomaly=False)
    beginning, end = server.found()
    assert (beginning.time, beginning.began, beginning.ended) == (12, 10, None)
    assert (end.time, end.began, end.ended) == (30, 10, ended)
    first, last = server.told
    assert (f"{NAMESPACE_INDEX}:EndTime",) not in first.fields
    assert ticks_of(last.fields[(f"{NAMESPACE_INDEX}:EndTime",)].Value) == ended


def test_a_verdict_that_is_not_known_ends_nothing(server: Following) -> None:
    server.say(10, anomaly=True)
    server.tags["R101.Detector.Anomaly"].set(None, 20, 20, quality.BAD_WAITING_FOR_INITIAL_DATA)
    server.anomalies.flush()
    server.say(30, anomaly=True)
    assert [each.time for each in server.found()] == [10]


def test_what_was_under_way_at_a_restart_does_not_begin_again(server: Following) -> None:
    server.say(10, anomaly=True, cause="T high", score=4.0)
    server.close()
    server.start(20)
    server.say(30, anomaly=True, cause="T low", score=2.0)
    assert len(server.found()) == 1
    server.close()
    server.start(40)
    server.say(50, anomaly=False)
    assert server.brief() == [(10, "R101", True, "T high", 4.0), (50, "R101", False, "T high", 4.0)]
    server.say(60, anomaly=True, cause="T low")
    assert [each.id for each in server.found()] == [1, 2, 3]


def test_of_what_was_over_at_a_restart_nothing_more_is_told(server: Following) -> None:
    server.say(10, anomaly=True)
    server.say(20, anomaly=False)
    server.close()
    server.start(30)
    server.say(40, anomaly=False)
    server.say(50, anomaly=False, reactor="R102")
    assert len(server.found()) == len(server.told) == 2


def test_of_a_long_cause_the_beginning_is_kept(server: Following) -> None:
    server.say(10, anomaly=True, cause="x" * 100_000)
    (event,) = server.found()
    assert event.cause == "x" * following.LONGEST_CAUSE
    assert len(event.message) < following.LONGEST_CAUSE + 100


def test_reactors_are_followed_each_on_its_own(server: Following) -> None:
    server.say(10, anomaly=True)
    server.say(20, anomaly=True, reactor="R102")
    server.say(30, anomaly=False)
    assert [(each.source, each.is_beginning) for each in server.found()] == [
        ("R101", True),
        ("R102", True),
        ("R101", False),
    ]
    assert plant_id("R102") in server.told[1].notifiers
    assert plant_id("R101") not in server.told[1].notifiers


def test_on_a_full_disk_events_are_told_wait_and_can_be_read(
    server: Following, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as full:
        full.setattr(server.log, "append", refuse)
        server.say(10, anomaly=True)
        server.say(20, anomaly=False)
    assert len(server.told) == len(server.found()) == 2
    assert server.recorded_when_told == [0, 0]
    assert caplog.text.count("refuses") == 1
    server.anomalies.flush()
    assert server.anomalies.unwritten() == ()
    assert [each.time for each in server.found()] == [10, 20]


def test_what_does_not_fit_into_memory_is_counted(server: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST_WAITING", 3)
    server.log.close()  # it refuses from now on
    for number in range(5):
        server.say(10 + number, anomaly=number % 2 == 0)
    assert [each.time for each in server.anomalies.unwritten()] == [12, 13, 14]
    assert server.registry.get_sample_value("cstr_events_lost_total") == 2.0
    server.log = EventLog(server._folder)
