"""Programs for node, with the packages of a folder."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path


async def start(folder: Path, modules: Path, *argv: str) -> asyncio.subprocess.Process:
    """Run one in a folder that is its home."""
    return await asyncio.create_subprocess_exec(
        "node",
        *argv,
        env={**os.environ, "NODE_PATH": str(modules), "HOME": str(folder)},
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
