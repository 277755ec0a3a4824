"""Staying connected: tries again, and ends when it is told to, whatever the link does at that moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from runtime import reconnect
from runtime.errors import BadInput, LinkLost
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


async def test_what_refuses_at_first_ends_and_what_refuses_later_is_away(caplog) -> None:
    async def refuse(_: str) -> None:
        raise BadInput("no such node")

    with pytest.raises(BadInput, match="no such node"):
        await keep("peer", link, refuse)
    caplog.set_level("INFO")
    answers = [LinkLost("gone"), *[BadInput("no such node")] * 3]

    async def work(_: str) -> None:
        if answers:
            raise answers.pop(0)

    states: list[str] = []
    await keep("peer", link, work, lambda up, why: states.append(why))
    assert states == ["", "gone", *["", "no such node"] * 3, ""]
    assert [record.message for record in caplog.records] == ["gone; trying again until it is back"]


async def test_a_namespace_that_is_not_there_yet_is_no_wrong_setting(caplog) -> None:
    found = [True, False, True]

    @contextlib.asynccontextmanager
    async def find() -> AsyncIterator[str]:
        if not found.pop(0):
            raise BadInput("no namespace")
        yield "link"

    async def work(_: str) -> None:
        if found:
            raise LinkLost("gone")

    await keep("peer", find, work)
    assert not found


async def test_a_peer_that_stays_is_back(caplog, monkeypatch) -> None:
    monkeypatch.setattr(reconnect, "SETTLED_AFTER_S", 0.01)
    caplog.set_level("INFO")
    lost = iter([True, False])

    async def work(_: str) -> None:
        if next(lost):
            raise LinkLost("gone")
        await asyncio.sleep(0.05)

    await keep("peer", link, work)
    assert [record.message for record in caplog.records] == ["gone; trying again until it is back", "peer is back"]


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
