"""Keeps the outbox to its share of the disk, beside the running collection."""

from __future__ import annotations

import asyncio
import logging

from historian.metrics import Metrics
from historian.store_thread import StoreThread
from runtime.settings import HistorianSettings
from timeseries.packing import SAMPLE_BYTES
from timeseries.store import Store

log = logging.getLogger("historian")

OUTBOX_EVERY_S = 1.0
OUTBOX_SHARE = 0.5
"""Of `retention_gb`, beside the samples' own."""
BLOCKS_AT_ONCE = 100


async def keep_outbox_small(store: Store, thread: StoreThread, metrics: Metrics, settings: HistorianSettings) -> None:
    """Keep what waits for the broker to its share of the disk, for ever."""
    dropping = False
    while True:
        await asyncio.sleep(OUTBOX_EVERY_S)
        dropped = await trim_outbox(store, thread, settings)
        metrics.dropped(dropped)
        if dropped and not dropping:
            log.warning("the outbox is full: its oldest samples are stored, but will not be published")
        dropping = dropped > 0


async def trim_outbox(store: Store, thread: StoreThread, settings: HistorianSettings) -> int:
    """Let the oldest blocks wait no more while too much waits; return how many samples."""
    most = round(OUTBOX_SHARE * settings.retention_gb * 1e9 / SAMPLE_BYTES)
    dropped = 0
    while store.outbox.waiting.samples > most:
        dropped += await thread.do(store.outbox.drop_oldest, most, BLOCKS_AT_ONCE)
    return dropped
