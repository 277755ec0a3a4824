"""When the oldest sample is of: known without asking the disk whenever a client reads it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from timeseries.reading import History
from timeseries.unpacked import Unpacked

LOOK_EVERY_S = 60.0


class ArchiveStart:
    """Looked for by a thread, once a minute; retention moves it on no more often."""

    def __init__(self, folder: Path, unpacked: Unpacked | None = None) -> None:
        self._history = History(folder, unpacked)
        self.ticks = 0
        """0 while there is no sample."""

    def close(self) -> None:
        """Close it."""
        self._history.close()

    def look(self) -> None:
        """Look once; where the disk refuses, what was known stays."""
        try:
            self.ticks = self._history.first_time() or 0
        except sqlite3.Error:
            return

    async def keep(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(self.look)
