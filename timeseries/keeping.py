"""The upkeep of a store as a task of the service that writes it: a process of its own, begun anew when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from timeseries.retention import Retention

OnTrouble = Callable[[str, str], None]

AGAIN_S, END_S = 2.0, 10.0


async def keep(folder: Path, retention: Retention, log: logging.Logger, on_trouble: OnTrouble) -> None:
    """Keep a store in order, for ever; `on_trouble` is told of which part what is wrong, and "" when it is no more."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "timeseries.keeper", str(folder), str(retention.age), str(retention.bytes),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stdout is not None  # noqa: S101
            async for line in process.stdout:
                _tell(json.loads(line), log, on_trouble)
            log.error("the upkeep of %s ended with %d; it is begun anew", folder, await process.wait())
        finally:
            await asyncio.shield(_end(process))
        await asyncio.sleep(AGAIN_S)


def _tell(said: dict[str, str | int], log: logging.Logger, on_trouble: OnTrouble) -> None:
    for what, of_it in said.items():
        if what == "forgotten":
            log.info("%s samples beyond the retention were deleted", of_it)
        elif what == "damaged":
            log.error("history is damaged: %s; put the file back from a copy", of_it)
            on_trouble("segments", f"history: {of_it}")
        elif of_it:
            log.error("the archive cannot be written (%s); samples stay in the log until it can", of_it)
            on_trouble("archive", f"archive: {of_it}")
        else:
            log.info("the archive can be written again")
            on_trouble("archive", "")


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
