"""Whatever is appended, archived, sealed, reopened and asked in between: a reader sees what a plain table would."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from plant import quality
from plant.sample import Sample
from timeseries import archive
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


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    name, second, epoch = draw(NAMES), draw(SECONDS), draw(st.sampled_from([0, 0, 0, 1]))
    if draw(st.booleans()):
        return Sample(at(second), name, draw(VALUES[name]), quality.GOOD, at(second), epoch)
    return Sample(at(second), name, None, quality.BAD_SENSOR_FAILURE, 0, epoch)


class HistoryMachine(RuleBasedStateMachine):
    """`rows` is what the store should have: signal -> (time, epoch) -> sample."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="history"))
        self.store, self.upkeep, self.reader = Store(self.folder), Upkeep(self.folder), Reader(self.folder)
        self.store.declare([SignalInfo(name, "", number) for name, number in TYPES.items()])
        self.rows: dict[str, dict[tuple[int, int], Sample]] = {name: {} for name in VALUES}
        self.counts: dict[str, int] = {}

    def teardown(self) -> None:
        for each in (self.store, self.upkeep, self.reader):
            each.close()
        shutil.rmtree(self.folder)

    @rule(some=st.lists(samples(), max_size=12))
    def append(self, some: list[Sample]) -> None:
        stored = self.store.samples(self.store.append(self.store.columns(some)))
        fresh = []
        for each in some:
            rows = self.rows[each.signal]
            if (each.source_time, each.epoch) not in rows:
                reactor = each.signal[:4]
                self.counts[reactor] = self.counts.get(reactor, 0) + 1
                rows[each.source_time, each.epoch] = Sample(
                    each.source_time, each.signal, each.value, each.quality, each.server_time, each.epoch,
                    self.counts[reactor],
                )  # fmt: skip
                fresh.append(rows[each.source_time, each.epoch])
        assert stored == fresh

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
        self.store = Store(self.folder)

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
        yield


TestHistory = HistoryMachine.TestCase
TestHistory.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
