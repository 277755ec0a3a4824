"""What is too old or too much goes, in slices; each signal's newest stays."""

from __future__ import annotations

import pytest

from historian import retention
from plant.sample import Sample
from runtime.settings import HistorianSettings
from timeseries.store import SignalInfo

HOURS = 48


@pytest.fixture
def filled(plant, server):
    plant.store.declare([SignalInfo("R101.T", "K", 11), SignalInfo("R101.TIC101.SP", "K", 11)])
    plant.store.append([Sample(server.at(0), "R101.TIC101.SP", 350.0)])
    for hour in range(HOURS):
        plant.store.append([Sample(server.at(3600 * hour + 10 * n), "R101.T", float(hour)) for n in range(360)])
    return plant


async def test_by_age(filled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 100)
    deleted = await retention.trim(filled.store, filled.thread, HistorianSettings(retention_days=0.5))
    assert deleted == 36 * 360 - 1
    assert min(filled.stored("R101.T")) == 35.0
    assert filled.stored("R101.TIC101.SP") == [350.0]


async def test_by_size(filled) -> None:
    filled.store._connection.execute("DELETE FROM outbox")
    most = filled.store.used_bytes() // 2
    await retention.trim(filled.store, filled.thread, HistorianSettings(retention_gb=most / 1e9))
    assert filled.store.used_bytes() <= most
    assert 12 < min(filled.stored("R101.T")) < 36
    await retention.trim(filled.store, filled.thread, HistorianSettings(retention_gb=1e-9))
    assert (filled.stored("R101.T"), filled.stored("R101.TIC101.SP")) == ([47.0], [350.0])
