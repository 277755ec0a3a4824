"""Staying connected: tries again, and ends when it is told to, whatever the link does at that moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from runtime.errors import LinkLost
from runtime.reconnect import keep


@contextlib.asynccontextmanager
async def link() -> AsyncIterator[str]:
    yield "link"


async def test_a_lost_link_is_made_again_until_the_work_is_done() -> None:
    states: list[bool] = []

    async def work(_: str) -> None:
        if len(states) < 4:
            raise LinkLost("gone")

    await keep("peer", link, work, lambda up, _: states.append(up))
    assert states == [True, False, True, False, True]


async def test_a_link_lost_while_it_is_being_ended_does_not_hide_the_end() -> None:
    begun = asyncio.Event()

    async def work(_: str) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise LinkLost("gone, too")

    task = asyncio.create_task(keep("peer", link, work))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 2)


async def test_a_link_lost_in_a_group_of_tasks_is_made_again_too() -> None:
    states: list[bool] = []

    async def lose() -> None:
        await asyncio.sleep(0)
        raise LinkLost("gone")

    async def work(_: str) -> None:
        if len(states) < 4:
            async with asyncio.TaskGroup() as group:
                group.create_task(lose())
                group.create_task(asyncio.Event().wait())

    await keep("peer", link, work, lambda up, _: states.append(up))
    assert states == [True, False, True, False, True]
