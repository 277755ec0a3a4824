"""The log of events against a list, and what of it is forgotten."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeseries.event_log import EventLog, EventReader, Occurrence
from timeseries.store import Store
from timeseries.upkeep import Upkeep

SOURCES = ("R101", "R102", "R103")


def occurrence(number: int, time: int, source: str = "R101", *, is_beginning: bool = True) -> Occurrence:
    return Occurrence(
        id=number,
        time=time,
        epoch=number % 2,
        server_time=time + 5,
        event_id=bytes([number]) * 16,
        source=source,
        is_beginning=is_beginning,
        began=time - 3,
        cause="T high",
        score=number / 7,
        severity=100 + number,
        message=f"number {number}",
    )


class Logged:
    """A log, its reader, and what waits for the disk."""

    def __init__(self, folder: Path) -> None:
        self.log = EventLog(folder)
        self.waiting: tuple[Occurrence, ...] = ()
        self.reader = EventReader(folder, lambda: self.waiting)

    def all(self, **options: bool) -> list[Occurrence]:
        return self.reader.page(None, 0, 2**62, 1000, **options)

    def close(self) -> None:
        self.reader.close()
        self.log.close()


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Logged]:
    logged = Logged(tmp_path)
    yield logged
    logged.close()


def slow(events: list[Occurrence], source: str | None, low: int, high: int, *, backward: bool) -> Iterator[Occurrence]:
    """Yield what a page has, obviously."""
    for each in sorted(events, key=lambda each: (each.time, each.id), reverse=backward):
        if low <= each.time < high and source in (None, each.source):
            yield each


def paged(
    reader: EventReader, source: str | None, low: int, high: int, most: int, *, backward: bool
) -> list[list[Occurrence]]:
    found: list[list[Occurrence]] = []
    place: tuple[int, int] | None = None
    while not found or len(found[-1]) == most:
        found.append(reader.page(source, low, high, most, place, backward=backward))
        place = found[-1][-1].place if found[-1] else place
    return found


@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from(SOURCES)), max_size=25),
    st.integers(0, 25),
    st.integers(0, 14),
    st.integers(0, 14),
    st.integers(1, 6),
    st.sampled_from((None, *SOURCES)),
    st.booleans(),
)
def test_pages_have_what_a_list_has(
    places: list[tuple[int, str]], waiting: int, low: int, high: int, most: int, source: str | None, backward: bool
) -> None:
    events = [occurrence(number, *place) for number, place in enumerate(places, start=1)]
    with tempfile.TemporaryDirectory() as folder:
        logged = Logged(Path(folder))
        stored = len(events) - min(waiting, len(events))
        logged.log.append(events[:stored])
        logged.waiting = tuple(events[max(0, stored - 1) :])  # the first of them has got to the disk meanwhile
        found = paged(logged.reader, source, low, high, most, backward=backward)
        logged.close()
    assert all(len(page) <= most for page in found)
    assert [each for page in found for each in page] == list(slow(events, source, low, high, backward=backward))


def test_what_is_there_twice_is_stored_once(logged: Logged) -> None:
    both = [occurrence(1, 10), occurrence(2, 20)]
    logged.log.append(both[:1])
    logged.log.append(both)
    assert logged.all() == both


def test_the_newest_of_each_source_is_known_by_its_number_not_its_time(logged: Logged) -> None:
    logged.log.append([occurrence(1, 30), occurrence(2, 20), occurrence(3, 10, "R102")])
    assert {name: each.id for name, each in logged.log.newest().items()} == {"R101": 2, "R102": 3}


def test_what_is_too_old_is_forgotten_but_for_the_newest_of_each_source(tmp_path: Path, logged: Logged) -> None:
    Store(tmp_path).close()
    logged.log.append([occurrence(1, 10), occurrence(2, 20), occurrence(3, 11, "R102"), occurrence(4, 40)])
    upkeep = Upkeep(tmp_path)
    assert upkeep.size().event_bytes > 0
    upkeep.forget(30)
    upkeep.close()
    assert [each.id for each in logged.all()] == [3, 4]


def test_a_store_without_events_has_no_file_of_them(tmp_path: Path) -> None:
    Store(tmp_path).close()
    upkeep = Upkeep(tmp_path)
    upkeep.forget(30)
    assert upkeep.size().event_bytes == 0
    upkeep.close()
    assert not (tmp_path / "events.sqlite").exists()


def test_a_file_of_a_later_release_is_not_touched(tmp_path: Path) -> None:
    EventLog(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "events.sqlite")
    connection.execute("PRAGMA user_version=9")
    connection.close()
    with pytest.raises(sqlite3.Error, match="layout is 9"):
        EventLog(tmp_path)


def test_a_file_of_the_release_before_goes_on(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.append([occurrence(1, 10), occurrence(2, 20, is_beginning=False)])
    log.close()
    connection = sqlite3.connect(tmp_path / "events.sqlite")
    connection.executescript("ALTER TABLE event DROP COLUMN ended; PRAGMA user_version=1;")
    connection.close()
    logged = Logged(tmp_path)
    logged.log.append([replace(occurrence(3, 30, is_beginning=False), ended=25)])
    assert [each.ended for each in logged.all()] == [None, None, 25]
    assert logged.all()[1] == occurrence(2, 20, is_beginning=False)
    logged.close()
