"""Whatever is appended, changed, archived, sealed, reopened and asked: a reader sees what a plain table would."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from plant import quality
from plant.sample import Sample
from timeseries import amendments, archive, signals
from timeseries.amended import Author, Change
from timeseries.amending import Amender, Outcome
from timeseries.reader import Reader
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import at

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "R101.T": st.floats(allow_nan=False, allow_infinity=False),
    "R101.TIC101.Mode": st.integers(-5, 5),
    "R102.Cause": st.text(max_size=3).filter(lambda text: not any("\ud800" <= each <= "\udfff" for each in text)),
    "R102.Flag": st.booleans(),
}
TYPES = {"R101.T": 11, "R101.TIC101.Mode": 6, "R102.Cause": 12, "R102.Flag": 1}
NAMES = st.sampled_from(list(VALUES))
SECONDS = st.integers(0, 60)
ANNA = Author("anna", 7)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    name, second, epoch = draw(NAMES), draw(SECONDS), draw(st.sampled_from([0, 0, 0, 1]))
    if draw(st.booleans()):
        return Sample(at(second), name, draw(VALUES[name]), quality.GOOD, at(second), epoch)
    return Sample(at(second), name, None, quality.BAD_SENSOR_FAILURE, 0, epoch)


class HistoryMachine(RuleBasedStateMachine):
    """`rows` is what the store should have: signal -> (time, epoch) -> sample.

    `recorded` are the places that were appended, `noted` what is known of changes: signal, time, change and value.
    """

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="history"))
        self.store, self.upkeep, self.reader = Store(self.folder), Upkeep(self.folder), Reader(self.folder)
        self.store.declare([SignalInfo(name, "", number) for name, number in TYPES.items()])
        self.rows: dict[str, dict[tuple[int, int], Sample]] = {name: {} for name in VALUES}
        self.recorded: dict[str, set[tuple[int, int]]] = {name: set() for name in VALUES}
        self.amended: dict[str, set[tuple[int, int]]] = {name: set() for name in VALUES}
        self.noted: list[tuple[str, int, Change, Any]] = []
        self.amender = Amender(self.folder)
        self.counts: dict[str, int] = {}

    def teardown(self) -> None:
        for each in (self.store, self.upkeep, self.reader, self.amender):
            each.close()
        shutil.rmtree(self.folder)

    @rule(some=st.lists(samples(), max_size=12))
    def append(self, some: list[Sample]) -> None:
        stored = self.store.samples(self.store.append(self.store.columns(some)))
        fresh = []
        for each in some:
            rows, place = self.rows[each.signal], (each.source_time, each.epoch)
            if place not in self.recorded[each.signal]:
                self.recorded[each.signal].add(place)
                reactor = each.signal[:4]
                self.counts[reactor] = self.counts.get(reactor, 0) + 1
                fresh.append(replace(each, seq=self.counts[reactor]))
                if place not in self.amended[each.signal]:
                    rows[place] = fresh[-1]
        assert stored == fresh

    @rule(some=st.lists(samples(), min_size=1, max_size=4), change=st.sampled_from(list(Change)[:3]))
    def put(self, some: list[Sample], change: Change) -> None:
        some = [each for each in some if each.signal == some[0].signal]
        name, (number, info) = some[0].signal, self.reader.find(some[0].signal)
        done = self.amender.put(number, info, self.store.columns(some), change, ANNA)
        for each, outcome in zip(some, done.outcomes, strict=True):
            rows = self.rows[name]
            place = max((place for place in rows if place[0] == each.source_time), default=None)
            if (change is Change.INSERT and place is not None) or (change is Change.REPLACE and place is None):
                assert outcome is (Outcome.IS_THERE if place is not None else Outcome.IS_NOT_THERE)
                continue
            if place is None:
                assert outcome is Outcome.INSERTED
                place, seq = (each.source_time, each.epoch), 0
                self.noted.append((name, each.source_time, Change.INSERT, each.value))
            else:
                assert outcome is Outcome.REPLACED
                seq = rows[place].seq
                self.noted.append((name, each.source_time, change, rows[place].value))
            rows[place] = replace(each, epoch=place[1], seq=seq)
            self.amended[name].add(place)

    @rule(name=NAMES, low=SECONDS, high=SECONDS)
    def delete(self, name: str, low: int, high: int) -> None:
        number, info = self.reader.find(name)
        gone = self.amender.delete(number, info, at(low), at(high), ANNA, 1_000)
        assert [each.value for each in self.wanted(name, low, high)] == [
            each.value for each in self.store.samples(gone)
        ]
        self.note_deleted(name, self.wanted(name, low, high))

    @rule(name=NAMES, seconds=st.lists(SECONDS, max_size=4))
    def delete_at(self, name: str, seconds: list[int]) -> None:
        number, info = self.reader.find(name)
        done = self.amender.delete_at(number, info, [at(second) for second in seconds], ANNA)
        for second, outcome in zip(seconds, done.outcomes, strict=True):
            there = self.wanted(name, second, second + 1)
            assert outcome is (Outcome.DELETED if there else Outcome.IS_NOT_THERE)
            if there:
                self.noted = [each for each in self.noted if each[:2] != (name, at(second))]
                self.note_deleted(name, there)

    def note_deleted(self, name: str, gone: list[Sample]) -> None:
        for each in gone:
            del self.rows[name][each.source_time, each.epoch]
            self.amended[name].add((each.source_time, each.epoch))
            self.noted.append((name, each.source_time, Change.DELETE, each.value))

    @rule(name=NAMES, low=SECONDS, high=SECONDS)
    def forget_modifications(self, name: str, low: int, high: int) -> None:
        number, _ = self.reader.find(name)
        gone = [each for each in self.noted if each[0] == name and at(low) <= each[1] < at(high)]
        assert len(self.amender.forget_modifications(number, at(low), at(high))) == len(gone)
        self.noted = [each for each in self.noted if each not in gone]

    @rule(name=NAMES, low=SECONDS, high=SECONDS, backward=st.booleans(), most=st.integers(1, 5))
    def ask_for_modifications(self, name: str, low: int, high: int, backward: bool, most: int) -> None:
        number, info = self.reader.find(name)
        found: list[tuple[str, int, Change, Any]] = []
        after = None
        while True:
            page = self.reader.history.amendments.modifications(
                number, at(low), at(high), most, after, backward=backward
            )
            values = [each.value for each in signals.samples(page.samples, {number: info})]
            found += [(name, each.time, each.change, value) for each, value in zip(page.infos, values, strict=True)]
            if len(page.infos) < most:
                break
            after = (page.infos[-1].time, page.infos[-1].id)
        noted = [each for each in self.noted[::-1] if each[0] == name and at(low) <= each[1] < at(high)]
        wanted = sorted(noted, key=lambda each: each[1])
        assert found == (wanted[::-1] if backward else wanted)

    @rule()
    def take_in(self) -> None:
        self.upkeep.take_in()

    @rule(before=SECONDS)
    def seal(self, before: int) -> None:
        self.upkeep.seal(at(before))
        assert self.upkeep.damaged() == []

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.amender.close()
        self.store, self.amender = Store(self.folder), Amender(self.folder)

    @rule()
    def reopen_beside_it(self) -> None:
        self.upkeep.close()
        self.upkeep = Upkeep(self.folder)
        self.reader.close()
        self.reader = Reader(self.folder)

    @rule(name=NAMES, low=SECONDS, high=SECONDS, limit=st.integers(1, 5))
    def ask_in_pages(self, name: str, low: int, high: int, limit: int) -> None:
        after, found = None, []
        while True:
            page = self.reader.raw(name, at(low), at(high), limit, after)
            found += page
            if len(page) < limit:
                break
            after = (page[-1].source_time, page[-1].epoch)
        assert found == self.wanted(name, low, high)

    @rule(name=NAMES, low=SECONDS, high=SECONDS)
    def ask_what_is_around(self, name: str, low: int, high: int) -> None:
        number, info = self.reader.find(name)
        times = [time for time, _ in self.rows[name]]
        assert self.reader.history.edges(number, info, at(low), at(high)) == (
            max((time for time in times if time <= at(low)), default=None),
            min((time for time in times if time >= at(high)), default=None),
        )

    @invariant()
    def everything_is_there(self) -> None:
        if not hasattr(self, "rows"):
            return
        for name, rows in self.rows.items():
            assert self.reader.raw(name, 0, 2**62) == self.wanted(name, 0, 61)
            assert self.reader.last(name) == max(
                rows.values(), key=lambda each: (each.epoch, each.source_time), default=None
            )

    def wanted(self, name: str, low: int, high: int) -> list[Sample]:
        return [each for when, each in sorted(self.rows[name].items()) if at(low) <= when[0] < at(high)]


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "CHUNK", 4)
        patch.setattr(amendments, "LEAST", 2)
        yield


TestHistory = HistoryMachine.TestCase
TestHistory.settings = settings(max_examples=25, stateful_step_count=25)
