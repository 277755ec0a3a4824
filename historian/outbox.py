"""Keeps the outbox to its share of the disk, beside the running collection."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from historian.metrics import Metrics
from historian.store_thread import StoreThread
from plant.clock import TICKS_PER_SECOND, ticks_from_unix_ns
from runtime.health import Health
from runtime.settings import HistorianSettings
from timeseries.outbox import Outbox
from timeseries.packing import SAMPLE_BYTES
from timeseries.store import Store

log = logging.getLogger("historian")

OUTBOX_EVERY_S = 1.0
OUTBOX_SHARE = 0.5
"""Of `retention_gb`, beside the samples' own."""
BLOCKS_AT_ONCE = 100


Drop = Callable[[int], None]
"""Told up to which block nothing is to be published any more."""


async def keep_outbox_small(
    store: Store, thread: StoreThread, metrics: Metrics, health: Health, settings: HistorianSettings, drop: Drop
) -> None:
    """Keep what waits to its share of the disk, and say how much it is, for ever."""
    most = round(OUTBOX_SHARE * settings.retention_gb * 1e9 / SAMPLE_BYTES)
    is_dropping = False
    while True:
        await asyncio.sleep(OUTBOX_EVERY_S)
        waiting = store.outbox.waiting.samples
        behind = {name: left.samples for name, left in store.outbox.behind.items()}
        metrics.outbox(waiting, await thread.do(_age_s, store.outbox), behind)
        health.detail["outbox"] = waiting
        dropped = 0
        while store.outbox.waiting.samples > most:
            through, samples = await thread.do(store.outbox.drop_oldest, most, BLOCKS_AT_ONCE)
            drop(through)
            dropped += samples
        metrics.dropped(dropped)
        if dropped and not is_dropping:
            slow = ", ".join(name for name, count in behind.items() if count > most)
            log.warning("the outbox is full: its oldest samples are stored, but will not be published as %s", slow)
        is_dropping = dropped > 0


def _age_s(outbox: Outbox) -> float:
    """Return how long ago the server sent the oldest of what waits; 0 where nothing does, or can be read."""
    oldest = outbox.blocks(0, at_least=1)
    sent = max((int(block.columns.server_times.max(initial=0)) for block in oldest), default=0)
    return max(0.0, (ticks_from_unix_ns(time.time_ns()) - sent) / TICKS_PER_SECOND) if sent else 0.0
