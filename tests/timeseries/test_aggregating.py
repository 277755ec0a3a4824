"""Aggregates of a long span are computed in parts, and are what they are of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries import aggregating
from timeseries.aggregates import FUNCTIONS
from timeseries.columns import Columns
from timeseries.reader import Reader
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

from .conftest import T0

COUNT = 12_000
SLOPED, STEPPED = "R101.T", "R101.TIC101.SP"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Samples at odd times, some Bad or Uncertain, a long Bad stretch, and a hole; a part is sealed."""
    folder: Path = tmp_path_factory.mktemp("store") / "history"
    store, upkeep = Store(folder), Upkeep(folder)
    store.declare([SignalInfo(SLOPED, "K", 11), SignalInfo(STEPPED, "K", 11, stepped=True)])
    random = np.random.default_rng(4)
    for name in (SLOPED, STEPPED):
        times = T0 + np.cumsum(random.integers(1, 2 * TICKS_PER_SECOND, COUNT))
        times[COUNT // 2 :] += 900 * TICKS_PER_SECOND
        odd = random.choice([quality.BAD_SENSOR_FAILURE, quality.UNCERTAIN, quality.BAD_NO_DATA], COUNT)
        statuses = np.where(random.random(COUNT) < 0.02, odd, 0)
        statuses[2000:3500] = quality.BAD_SENSOR_FAILURE
        words = np.where(statuses < quality.BAD, random.normal(350, 2, COUNT).view(np.int64), 0)
        columns = Columns.of(COUNT, signals=int(store.numbers([name])[0]), times=times, statuses=statuses, words=words)
        for start in range(0, COUNT, 500):
            store.append(columns.take(np.arange(start, start + 500)))
    upkeep.take_in()
    upkeep.seal(T0 + 5000 * TICKS_PER_SECOND)
    upkeep.close()
    store.close()
    return Reader(folder)


@pytest.mark.parametrize("name", [SLOPED, STEPPED])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_parts_agree_with_the_whole(reader: Reader, monkeypatch: pytest.MonkeyPatch, name: str, function: str) -> None:
    for start_s, end_s, interval_s in ((-50, 13_500, 700), (0, 12_000, 60), (1000.5, 9000.1, 97)):
        start, end, interval = (round(each * TICKS_PER_SECOND) for each in (start_s, end_s, interval_s))
        asked = (name, T0 + start, T0 + end, interval, function)
        monkeypatch.setattr(aggregating, "AT_ONCE", 10**9)
        whole = reader.aggregated(*asked)
        monkeypatch.setattr(aggregating, "AT_ONCE", 1024)
        number = reader.find(name)[0]
        assert len(list(aggregating._edges(reader.history, number, *asked[1:4]))) > 4
        parts = reader.aggregated(*asked)
        assert parts.times.tolist() == whole.times.tolist()
        assert parts.statuses.tolist() == whole.statuses.tolist()
        known = ~whole.is_bad
        np.testing.assert_allclose(parts.values[known], whole.values[known], rtol=1e-9, atol=1e-9)
