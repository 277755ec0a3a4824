"""Fixtures of all tests."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.components.finder import advice, find


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
