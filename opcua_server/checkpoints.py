"""The plant's last state on disk, once a second, so that it goes on after a stop or kill -9."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

from opcua_server.simulator import Simulator
from runtime import whole_files

log = logging.getLogger("server")

EVERY_S = 1.0


class Checkpoints:
    """One file, replaced whole; a disk that is full is said once, and tried again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "checkpoint"
        self._failing = False
        self._writing = threading.Lock()

    def restore(self, simulator: Simulator, now: int, recorded: tuple[int, int]) -> None:
        """Go on from the last checkpoint, if there is one of this plant, behind what is recorded (epoch, time)."""
        simulator.begin_behind(recorded)
        whole_files.remove_leftovers(self._path)
        try:
            simulator.restore(self._path.read_bytes(), now, recorded)
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError) as error:
            log.warning("%s: %s; starting anew", self._path, error)
        else:
            log.info("going on from the last checkpoint")

    async def keep(self, simulator: Simulator) -> None:
        """Write for ever, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                await asyncio.to_thread(self._write, simulator.checkpoint())
        finally:
            self._write(simulator.checkpoint(last=True))

    def _write(self, data: bytes) -> None:
        try:
            with self._writing:  # the last one comes after the one that was under way
                whole_files.write(self._path, data)
        except OSError as error:
            if not self._failing:
                log.error("%s: %s; a restart would go on from an older state", self._path, error.strerror)
            self._failing = True
        else:
            self._failing = False
