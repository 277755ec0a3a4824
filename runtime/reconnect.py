"""Staying connected: work over a link, again with backoff whenever it is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from runtime.backoff import delays
from runtime.errors import BadInput, LinkLost

log = logging.getLogger("link")

Link = TypeVar("Link")
OnState = Callable[[bool, str], None]
FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 1.0
"""A server that is back should be found within a second."""
SETTLED_AFTER_S = 1.0
"""So long a link has to last for its peer to be back."""


def nobody_told(up: bool, why: str) -> None:
    """Ignore a change of state."""


async def keep(
    what: str,
    connect: Callable[[], AbstractAsyncContextManager[Link]],
    work: Callable[[Link], Awaitable[None]],
    on_state: OnState = nobody_told,
) -> None:
    """Connect and run `work(link)`, again whenever the link is lost; ends when `work` returns.

    `on_state(up, why)` is told of each change; loss and recovery are logged once. A peer that refuses what an earlier
    connection could be used for is away, too: it has not all of it yet.

    Raises:
        BadInput: of the first connection that is made.
    """
    waits = delays(FIRST_DELAY_S, LONGEST_DELAY_S)
    down = has_linked = False

    def settle() -> None:
        nonlocal waits, down
        if down:
            log.info("%s is back", what)
        down = False
        waits = delays(FIRST_DELAY_S, LONGEST_DELAY_S)

    async def connect_and_work() -> None:
        nonlocal has_linked
        async with connect() as link:
            has_linked = True
            settling = asyncio.get_running_loop().call_later(SETTLED_AFTER_S, settle)
            try:
                on_state(True, "")
                await work(link)
            finally:
                settling.cancel()

    while True:
        outages: tuple[type[Exception], ...] = (LinkLost, BadInput) if has_linked else (LinkLost,)
        try:
            # In a task of its own: a TaskGroup that fails leaves its task marked as cancelled (Python 3.11, 3.12).
            await asyncio.create_task(connect_and_work(), name=what)
            return
        except* outages as group:
            why = str(_first(group))
            if not down:
                log.warning("%s; trying again until it is back", why)
            down = True
            on_state(False, why)
        if is_cancelled():  # a link lost while it was being ended would hide that it was
            raise asyncio.CancelledError
        await asyncio.sleep(next(waits))


def is_cancelled() -> bool:
    """Tell whether this task was told to end, whatever has swallowed that."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _first(group: BaseException) -> BaseException:
    return _first(group.exceptions[0]) if isinstance(group, BaseExceptionGroup) else group
