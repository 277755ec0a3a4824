"""The HTTP API over a store, in a process of its own: `python -P -m benchmarks.historian.served FOLDER PORT RATE`.

With a rate above 0 so many samples a second are stored in the meantime, in the thread that the historian uses for it,
and the store is kept in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from pathlib import Path

import numpy as np

from historian.api import make_app
from historian.http import serve_http
from historian.store_thread import StoreThread
from plant.clock import TICKS_PER_SECOND
from runtime.health import Health
from runtime.settings import Settings
from timeseries.columns import Columns
from timeseries.keeping import Telling, keep
from timeseries.retention import Retention
from timeseries.signals import SignalInfo
from timeseries.store import Store

PERIOD_S = 0.1
"""Of the publishing."""


async def _ingest(folder: Path, rate: int) -> None:
    width = max(1, round(rate * PERIOD_S))
    names = [f"R{201 + number // 20}.S{number % 20}" for number in range(width)]
    thread = StoreThread(Health("benchmark"))
    with contextlib.closing(Store(folder)) as store:
        store.declare([SignalInfo(name, "K", 11) for name in names])
        store.outbox.end()
        numbers, time = store.numbers(names), store.newest_time()
        random, loop = np.random.default_rng(2), asyncio.get_running_loop()
        due = loop.time()
        while True:
            time, due = time + round(PERIOD_S * TICKS_PER_SECOND), due + PERIOD_S
            words = np.round(random.normal(350.0, 1.0, width), 2).view(np.int64)
            columns = Columns.of(width, signals=numbers, times=time, server_times=time, words=words)
            await thread.do(store.append, columns)
            await asyncio.sleep(max(0.0, due - loop.time()))


async def _main(folder: Path, port: int, rate: int) -> None:
    async with asyncio.TaskGroup() as group:
        if rate:
            group.create_task(_ingest(folder, rate))
            retention = Retention.of(400.0, 500.0)
            group.create_task(keep(folder, retention, logging.getLogger("benchmark"), Telling()))
        group.create_task(serve_http(make_app(folder, Settings()), "127.0.0.1", port))


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
