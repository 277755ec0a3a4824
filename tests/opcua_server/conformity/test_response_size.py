"""What a client says it takes at most: MaxResponseMessageSize (OPC 10000-4 v1.05 §5.7.2.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asyncua.ua.ua_binary import struct_to_binary

from .conftest import Dial
from .services import (
    CAUSE,
    KC,
    SP,
    STRING,
    answer,
    changes_of,
    item,
    monitor,
    monitor_all,
    publish_request,
    put,
    read_request,
    republish_request,
    rvid,
    service_result,
    subscribe,
    write,
    write_value,
)
from .wire import Session

MOST_BYTES = 1000


@pytest.fixture
async def small(dial: Dial) -> AsyncIterator[Session]:
    """A session whose client takes small responses only."""
    session = await Session.create(await dial(), most_bytes=MOST_BYTES)
    assert await session.activate() == "Good"
    yield session
    await session.close()


async def published(session: Session, count: int) -> list[Any]:
    """Ask so many times at once, so that all that fits no response is in the next."""
    waiting = [session.send(publish_request()) for _ in range(count)]
    return [await answer(each) for each in waiting]


async def test_a_response_that_is_larger_is_refused(small: Session) -> None:
    assert await small.refused(read_request(*[rvid(SP)] * 100)) == "BadResponseTooLarge"
    assert await small.refused(read_request(*[rvid(SP)] * 20)) == "Good"


async def test_without_a_limit_nothing_is_too_large(session: Session) -> None:
    assert await session.refused(read_request(*[rvid(SP)] * 1000)) == "Good"


async def test_a_message_holds_no_more_than_fits(small: Session) -> None:
    subscription = (await subscribe(small, 500.0, keep_alive=100)).SubscriptionId
    for start in range(0, 90, 10):
        await monitor_all(small, subscription, *[item(SP, handle) for handle in range(start, start + 10)])
    found = await published(small, 4)
    assert all(len(struct_to_binary(each)) <= MOST_BYTES for each in found)
    handles = [[change.handle for change in changes_of(each.Parameters.NotificationMessage)] for each in found]
    assert sorted(handle for each in handles for handle in each) == list(range(90))
    assert [each.Parameters.MoreNotifications for each in found] == [True, True, True, False]


async def test_texts_are_split_over_messages_in_their_order(small: Session) -> None:
    await put(small, SP, 320.0)
    subscription = (await subscribe(small, 500.0, keep_alive=1)).SubscriptionId
    texts = [f"{number}" * 300 for number in range(5)]
    await write(small, write_value(CAUSE, "", STRING))
    await monitor(small, subscription, CAUSE, 1)
    await monitor(small, subscription, SP, 2)
    assert await write(small, *[write_value(CAUSE, text, STRING) for text in texts]) == ["Good"] * 5
    found = await published(small, 4)
    assert all(len(struct_to_binary(each)) <= MOST_BYTES for each in found)
    changes = [change for each in found for change in changes_of(each.Parameters.NotificationMessage)]
    assert [change.value for change in changes if change.handle == 1] == ["", *texts]
    assert [change.value for change in changes if change.handle == 2] == [320.0]
    flags = [each.Parameters.MoreNotifications for each in found]
    filled = [bool(each.Parameters.NotificationMessage.NotificationData) for each in found]
    assert flags == [*[True] * (sum(filled) - 1), *[False] * (5 - sum(filled))]


async def test_one_value_that_does_not_fit_is_refused_and_the_others_come(small: Session) -> None:
    await write(small, write_value(CAUSE, "", STRING))
    subscription = (await subscribe(small, 500.0, keep_alive=100)).SubscriptionId
    await monitor(small, subscription, CAUSE)
    assert (
        await write(small, *[write_value(CAUSE, text, STRING) for text in ("before", "x" * MOST_BYTES, "after")])
        == ["Good"] * 3
    )
    waiting = [small.send(publish_request()) for _ in range(3)]
    first, last = (await answer(waiting[0])).Parameters, (await answer(waiting[2])).Parameters
    assert await service_result(waiting[1]) == "BadResponseTooLarge"
    assert [change.value for change in changes_of(first.NotificationMessage)] == ["", "before"]
    assert [change.value for change in changes_of(last.NotificationMessage)] == ["after"]
    assert last.NotificationMessage.SequenceNumber == first.NotificationMessage.SequenceNumber + 2
    missing = republish_request(subscription, first.NotificationMessage.SequenceNumber + 1)
    assert await small.refused(missing) == "BadResponseTooLarge"


async def test_a_limit_of_a_message_by_number_still_holds(small: Session) -> None:
    subscription = (await subscribe(small, 500.0, keep_alive=100, most=2)).SubscriptionId
    await monitor_all(small, subscription, item(SP, 1), item(KC, 2), item(SP, 3))
    async with asyncio.timeout(5.0):
        found = await published(small, 2)
    assert [len(changes_of(each.Parameters.NotificationMessage)) for each in found] == [2, 1]
