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

AGAIN_S, END_S = 2.0, 10.0
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
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "timeseries.keeper", str(folder), str(retention.age), str(retention.bytes),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stdout is not None  # noqa: S101
            async for line in process.stdout:
                _tell(json.loads(line), log, telling)
            log.error("the upkeep of %s ended with %d; it is begun anew", folder, await process.wait())
        finally:
            await asyncio.shield(_end(process))
        await asyncio.sleep(AGAIN_S)


def _tell(said: dict[str, Any], log: logging.Logger, telling: Telling) -> None:
    for what, of_it in said.items():
        if what == "forgotten":
            log.info("%s samples beyond the retention were deleted", of_it)
        elif what == "damaged":
            for each in of_it:
                log.error("history is damaged: %s; put the file back from a copy", each)
            telling.trouble("segments", f"history: {', '.join(of_it)}" if of_it else "")
            telling.damage(len(of_it))
        elif of_it:
            log.error("the archive cannot be written (%s); samples stay in the log until it can", of_it)
            telling.trouble("archive", f"archive: {of_it}")
        else:
            log.info("the archive can be written again")
            telling.trouble("archive", "")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
