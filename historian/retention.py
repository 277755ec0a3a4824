"""Forgets what is too old or too much, in small steps beside the running collection."""

from __future__ import annotations

import asyncio
import logging

from historian.metrics import Metrics
from historian.store_thread import StoreThread
from plant.clock import ticks_from_seconds
from runtime.settings import HistorianSettings
from timeseries.store import Store

log = logging.getLogger("historian")

EVERY_S = 60.0
OUTBOX_EVERY_S = 1.0
OUTBOX_SHARE = 0.5
"""Of `retention_gb`, beside the samples' own."""
STEP_TICKS = ticks_from_seconds(600.0)
DAY_S = 86_400.0
AT_ONCE = 2_000
"""Samples deleted before the next commit of new ones has its turn: some milliseconds."""
ENTRIES_AT_ONCE = 100


async def keep_small(store: Store, thread: StoreThread, settings: HistorianSettings) -> None:
    """Keep to the settings' age and size, for ever."""
    while True:
        await asyncio.sleep(EVERY_S)
        deleted = await trim(store, thread, settings)
        if deleted:
            log.info("%d samples beyond the retention were deleted", deleted)


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
    """Drop the oldest entries while too much waits; return how many samples."""
    most = round(OUTBOX_SHARE * settings.retention_gb * 1e9)
    dropped = 0
    while store.outbox.waiting.bytes > most:
        dropped += await thread.do(store.outbox.drop_oldest, most, ENTRIES_AT_ONCE)
    return dropped


async def trim(store: Store, thread: StoreThread, settings: HistorianSettings) -> int:
    """Delete what is too old, then the oldest while all is too much; return how many samples."""
    newest = await thread.do(store.newest_time)
    deleted = await _forget(store, thread, newest - ticks_from_seconds(settings.retention_days * DAY_S))
    while await thread.do(store.used_bytes) > settings.retention_gb * 1e9:
        oldest = await thread.do(store.oldest)
        if oldest is None:
            break
        deleted += await _forget(store, thread, oldest + STEP_TICKS)
    return deleted


async def _forget(store: Store, thread: StoreThread, before: int) -> int:
    deleted = 0
    for name in await thread.do(store.names):
        while count := await thread.do(store.forget, name, before, AT_ONCE):
            deleted += count
    return deleted
