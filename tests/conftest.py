"""What every test gets: no task may outlive its test; real components are found, or named with how to get them."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.components.finder import advice, find

IN_CI = os.environ.get("CI") == "true"


@pytest.fixture(autouse=True)
async def no_leaked_task(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Fail a test that leaves a task of its own running."""
    before = asyncio.all_tasks()
    yield
    if not inspect.iscoroutinefunction(request.function):
        return
    deadline = asyncio.get_running_loop().time() + 1.0
    while leaked := [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]:
        if asyncio.get_running_loop().time() > deadline:
            pytest.fail("leaked tasks: " + ", ".join(sorted(repr(task.get_coro()) for task in leaked)))
        await asyncio.sleep(0.01)


@pytest.fixture(scope="session")
def component() -> Callable[[str], Path]:
    """Return a finder of real components: skips, or in CI fails, where one is not to be had."""

    def require(name: str) -> Path:
        path = find(name)
        if path is None:
            message = f"{name} is not here: {advice(name)}"
            if IN_CI:
                pytest.fail(message)
            pytest.skip(message)
        return path

    return require
