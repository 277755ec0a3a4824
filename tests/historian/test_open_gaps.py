"""Gaps that are open: on disk until they are read back, and asked for again also while others open and close."""

from __future__ import annotations

from collections import Counter

from historian.missed import Missed
from historian.served import Served
from runtime.settings import HistorianSettings
from timeseries.signals import SignalInfo

T, CA = "R101.T", "R101.Ca"


async def test_a_gap_that_opens_while_the_store_closes_the_one_before_stays_on_disk(plant, server, monkeypatch) -> None:
    plant.store.declare([SignalInfo(T, "K", 11)])
    missed = Missed(plant.store, plant.thread, plant.metrics, plant.health, HistorianSettings(), None)  # type: ignore[arg-type]
    missed.begin(Served(True, {info.name: info for info in server.infos}))

    class Opening(Counter[str]):
        """Each time that it changes, the store's thread is just about to close what was read back."""

        def subtract(self, names) -> None:
            super().subtract(names)
            plant.thread._worker.submit(missed._close, [T]).result()

    monkeypatch.setattr(missed, "_opening", Opening())
    await missed.open([T])
    assert plant.gaps() == [T]
