"""The hourly job: once for every hour in which the detector runs, whatever restarts."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

from detector.batch import job
from detector.batch.latest import write_latest
from detector.database import Database
from detector.statements import put_summary
from detector.summary import BATCH
from runtime.settings import BatchSettings

log = logging.getLogger("detector")


async def run_hourly(settings: BatchSettings, database: Database, data: Path) -> None:
    """Run the job of the present hour, unless it is recorded already, and of each hour that begins; for ever."""
    while True:
        hour = job.hour_of(datetime.now(UTC))
        if not await database.has_summary(BATCH, job.REACTOR, hour[0]):
            result = await asyncio.to_thread(job.run, settings.rows, settings.abnormal, job.seed_of(hour[0]), hour)
            await asyncio.to_thread(write_latest, data, result)
            database.submit(put_summary(result.summary))
            log.info("batch of %s: %d of %d rows flagged", hour[0], result.summary.anomalies, settings.rows)
        await asyncio.sleep((hour[1] - datetime.now(UTC)).total_seconds() + 0.05)
