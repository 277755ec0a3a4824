"""A store in a temporary folder, and samples for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from plant import quality
from plant.clock import TICKS_PER_SECOND
from plant.sample import Sample, Scalar
from timeseries.aggregates import Processed
from timeseries.columns import Columns
from timeseries.reader import Reader
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

T0 = 134_000_000_000_000_000
SIGNALS = [SignalInfo("R101.T", "K", 11), SignalInfo("R101.TIC101.Mode", "", 6), SignalInfo("R102.T", "K", 11)]


def at(place: float) -> int:
    return T0 + round(place * TICKS_PER_SECOND)


def sample(name: str, place: float, value: Scalar | None, status: int = quality.GOOD, epoch: int = 0) -> Sample:
    return Sample(at(place), name, value, status, T0, epoch)


def put(store: Store, *samples: Sample) -> Columns:
    return store.append(store.columns(samples))


class Row(NamedTuple):
    """An aggregate's result for one interval."""

    time: int
    value: Scalar | None
    status: int
    start: int


def results_of(found: Processed) -> list[Row]:
    columns = (found.times, found.values, found.statuses, found.starts)
    every = zip(*(column.tolist() for column in columns), strict=True)
    return [Row(time, None if quality.is_bad(status) else value, status, start) for time, value, status, start in every]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "history"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    store = Store(folder)
    store.declare(SIGNALS)
    yield store
    store.close()


@pytest.fixture
def upkeep(store: Store, folder: Path) -> Iterator[Upkeep]:
    upkeep = Upkeep(folder)
    yield upkeep
    upkeep.close()


@pytest.fixture
def reader(store: Store, folder: Path) -> Iterator[Reader]:
    reader = Reader(folder)
    yield reader
    reader.close()


def values(reader: Reader, name: str = "R101.T") -> list[Scalar | None]:
    return [each.value for each in reader.raw(name, 0, 2**62)]
