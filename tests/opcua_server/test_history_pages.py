"""Pages of processed history are short in samples, too, and are together what the whole is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from opcua_server.historical_access import processed
from opcua_server.historical_access.processed import AGGREGATES, Asked
from plant import quality
from plant.clock import TICKS_PER_SECOND
from timeseries.aggregates import AggregateConfiguration
from timeseries.columns import Columns
from timeseries.reading import History
from timeseries.signals import SignalInfo
from timeseries.store import Store
from timeseries.upkeep import Upkeep

T0 = 134_000_000_000_000_000
S = TICKS_PER_SECOND
INFO = SignalInfo("R101.T", "K", 11)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """4,000 archived samples, some Bad or Uncertain."""
    folder: Path = tmp_path_factory.mktemp("store") / "history"
    store, upkeep = Store(folder), Upkeep(folder)
    store.declare([INFO])
    random = np.random.default_rng(5)
    for start in range(0, 4000, 250):
        statuses = random.choice([0, 0, 0, quality.BAD_SENSOR_FAILURE, quality.UNCERTAIN], 250)
        words = np.where(statuses < quality.BAD, random.normal(350, 2, 250).view(np.int64), 0)
        times = T0 + (start + np.arange(250)) * S
        store.append(
            Columns.of(250, signals=int(store.numbers(["R101.T"])[0]), times=times, statuses=statuses, words=words)
        )
        upkeep.take_in()
    upkeep.close()
    store.close()
    return History(folder)


def rows(columns: Columns) -> list[tuple[int, ...]]:
    return list(zip(columns.times.tolist(), columns.statuses.tolist(), columns.words.tolist(), strict=True))


@pytest.mark.parametrize("interval", [7 * S + 3, 61 * S, 900 * S])
@pytest.mark.parametrize("is_backward", [False, True])
def test_they_are_together_the_whole(
    history: History, monkeypatch: pytest.MonkeyPatch, interval: int, is_backward: bool
) -> None:
    span = (T0 - 5 * S, T0 + 3990 * S + 1)
    asked = Asked(*(reversed(span) if is_backward else span), interval)
    for name in ("TimeAverage", "Interpolative", "Count", "WorstQuality2", "Maximum", "EndBound"):
        assert name in AGGREGATES.values()
        question = (history, 1, INFO, asked)
        monkeypatch.setattr(processed, "AT_ONCE", 10**9)
        whole = rows(processed.read(*question, 0, 10_000, name, AggregateConfiguration()))
        monkeypatch.setattr(processed, "AT_ONCE", 500)
        found: list[tuple[int, ...]] = []
        pages = 0
        while len(found) < len(whole):
            page = rows(processed.read(*question, len(found), 10_000, name, AggregateConfiguration()))
            assert page
            found += page
            pages += 1
        assert found == whole, name
        assert pages > 3
