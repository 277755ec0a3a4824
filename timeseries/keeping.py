"""The upkeep of a store as a task of the service that writes it: a process of its own, begun anew when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timeseries.retention import Retention

AGAIN_S, LONGEST_S, END_S = 2.0, 60.0, 10.0
LONGEST_LINE = 1_000_000
DAMAGED = "cstr_history_damaged", "Parts of the history that are not as they were written."
"""The metric of it."""


def _nothing(*_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Who is told what."""

    trouble: Callable[[str, str], None] = _nothing
    """What is wrong with "archive" or "segments"; "" when it is no more."""
    damage: Callable[[int], None] = _nothing
    """How many parts of the history are not as they were written."""


async def keep(folder: Path, retention: Retention, log: logging.Logger, telling: Telling) -> None:
    """Keep a store in order, for ever."""
    voice, pause = _Voice(log, telling), AGAIN_S
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "timeseries.keeper", str(folder), str(retention.age), str(retention.bytes),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LONGEST_LINE,
        )  # fmt: skip
        try:
            assert process.stdout is not None  # noqa: S101
            with contextlib.suppress(ValueError):  # half a line, of one that was killed
                async for line in process.stdout:
                    voice.tell(json.loads(line))
                    pause = AGAIN_S
            voice.ended(folder, await _end(process))
        finally:
            await asyncio.shield(_end(process))
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_S)


class _Voice:
    """Says in the service what the process says, and that it has ended."""

    def __init__(self, log: logging.Logger, telling: Telling) -> None:
        self._log, self._telling = log, telling
        self._is_troubled = False

    def ended(self, folder: Path, code: int) -> None:
        self._log.error("the upkeep of %s ended with %d; it is begun anew", folder, code)
        self._trouble(f"its upkeep ended with {code}, and is begun anew")

    def tell(self, said: dict[str, Any]) -> None:
        if "forgotten" in said:
            self._log.info("%s samples beyond the retention were deleted", said["forgotten"])
        elif "damaged" in said:
            self._damaged(said["damaged"], said["parts"])
        elif said["trouble"]:
            self._log.error("the archive cannot be written (%s); samples stay in the log until it can", said["trouble"])
            self._trouble(said["trouble"])
        elif self._is_troubled:
            self._log.info("the archive can be written again")
            self._trouble("")

    def _damaged(self, named: list[str], parts: int) -> None:
        for each in named:
            self._log.error("history is damaged: %s; put the file back from a copy", each)
        if parts > len(named):
            named = [*named, f"and {parts - len(named)} more"]
            self._log.error("history is damaged: %s", named[-1])
        self._telling.trouble("segments", f"history: {', '.join(named)}" if named else "")
        self._telling.damage(parts)

    def _trouble(self, what: str) -> None:
        self._is_troubled = bool(what)
        self._telling.trouble("archive", f"archive: {what}" if what else "")


async def _end(process: asyncio.subprocess.Process) -> int:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(END_S):
            return await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return await process.wait()
