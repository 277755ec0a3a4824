"""Gaps that are open: on disk until they are read back, and asked for again also while others open and close."""

from __future__ import annotations

import asyncio
from collections import Counter

from historian import gaps
from historian.missed import Missed
from historian.served import Served
from plant import quality
from plant.sample import Sample
from runtime.opcua_link.values import Notification
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


async def test_what_was_refused_is_asked_for_again_though_queues_overflow_all_the_time(
    plant, server, monkeypatch
) -> None:
    monkeypatch.setattr(gaps, "FIRST_PATIENCE_S", 0.02)
    server.refuses, server.now = {CA: quality.BAD_DATA_UNAVAILABLE}, server.at(3)
    server.past = [server.measure(CA, 2.0, 2)]
    plant.store.declare([SignalInfo(CA, "mol/L", 11)])
    plant.put(Sample(server.at(1), CA, 1.0))
    overflow = Notification.of([server.measure(T, 1.0, 1, quality.GOOD | 0x480)], [T])
    pages, wait, waits = server.history_pages, gaps.Refused.wait, []

    async def overflowing(names, start, end, *, on_refusal):
        async for page in pages(names, start, end, on_refusal=on_refusal):
            yield page
        if T in names:
            await server.send(overflow)

    def counted(refused, now: float) -> None:
        waits.append(now)
        wait(refused, now)

    monkeypatch.setattr(server, "history_pages", overflowing)
    monkeypatch.setattr(gaps.Refused, "wait", counted)
    async with plant.collecting(server, lambda: server.reads[CA] == 4):
        assert len(waits) in (3, 4)
        server.refuses = {}
        async with asyncio.timeout(10):
            while CA in plant.gaps():  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert plant.stored(CA) == [1.0, 2.0]
        assert server.reads[T] > server.reads[CA]
