"""Fixtures of all tests."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gateway.components.finder import advice, find
from gateway.components.postgres import Postgres
from runtime.ports import free_port

settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")


@pytest.fixture(scope="session")
def component() -> Callable[[str], Path]:
    """`component("telegraf")` is the real one's path; without it the test skips, or fails when CI=true."""

    def require(name: str) -> Path:
        path = find(name)
        if path is None:
            reason = f"{name} is not here: {advice(name)}"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        return path

    return require


@pytest.fixture(autouse=True)
async def no_leaked_task() -> AsyncIterator[None]:
    """Fail a test that leaves a task behind."""
    yield
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task() and not task.done()]
    assert not left, f"left behind: {', '.join(task.get_name() for task in left)}"


class DatabaseServer:
    """The real PostgreSQL, which a test may kill and start again."""

    def __init__(self, data: Path) -> None:
        self.component = Postgres(data, free_port())
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        await self.component.prepare()
        spec = self.component.spec()
        ids = spec.ids()
        self.process = await asyncio.create_subprocess_exec(
            *spec.argv,
            cwd=spec.cwd,
            user=ids[0] if ids else None,
            group=ids[1] if ids else None,
            extra_groups=() if ids else None,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await self.component.wait_ready(20)

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@pytest.fixture
async def database_server(tmp_path: Path) -> AsyncIterator[DatabaseServer]:
    server = DatabaseServer(tmp_path)
    await server.start()
    yield server
    await server.kill()
