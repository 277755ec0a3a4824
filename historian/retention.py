"""Forgets what is too old or too much, in small steps beside the running collection."""

from __future__ import annotations

import asyncio
import logging

from historian.store_thread import StoreThread
from plant.clock import ticks_from_seconds
from runtime.settings import HistorianSettings
from timeseries.store import Store

log = logging.getLogger("historian")

EVERY_S = 60.0
STEP_TICKS = ticks_from_seconds(600.0)
DAY_S = 86_400.0


async def keep_small(store: Store, thread: StoreThread, settings: HistorianSettings) -> None:
    """Keep to the settings' age and size, for ever."""
    while True:
        await asyncio.sleep(EVERY_S)
        await thread.do(_trim, store, settings)


def _trim(store: Store, settings: HistorianSettings) -> None:
    newest = store.newest_time()
    deleted = store.forget_before(newest - ticks_from_seconds(settings.retention_days * DAY_S))
    while store.used_bytes() > settings.retention_gb * 1e9 and (oldest := store.oldest()) is not None:
        deleted += store.forget_before(oldest + STEP_TICKS)
    if deleted:
        log.info("%d samples beyond the retention were deleted", deleted)
