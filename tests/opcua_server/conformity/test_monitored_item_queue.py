"""The queue of a MonitoredItem: what is kept and what is marked (OPC 10000-4 v1.05 §5.13.1.5)."""

from __future__ import annotations

import pytest

from .services import (
    OVERFLOW,
    SP,
    changes,
    monitor,
    put,
    subscribe,
    values,
)
from .wire import Session


async def test_discarding_the_oldest_keeps_the_newest_and_marks_the_first_of_them(session: Session) -> None:
    await put(session, SP, 320.0)
    created = await monitor(session, (await subscribe(session)).SubscriptionId, SP, queue=3)
    assert created.RevisedQueueSize == 3
    await values(session)
    await put(session, SP, 321.0, 322.0, 323.0, 324.0, 325.0)
    found = await changes(session)
    assert [change.value for change in found] == [323.0, 324.0, 325.0]
    assert [change.status for change in found] == [OVERFLOW, 0, 0]


async def test_discarding_the_newest_keeps_the_oldest_and_marks_the_one_replaced(session: Session) -> None:
    await put(session, SP, 320.0)
    await monitor(session, (await subscribe(session)).SubscriptionId, SP, queue=3, discard_oldest=False)
    await values(session)
    await put(session, SP, 321.0, 322.0, 323.0, 324.0, 325.0)
    found = await changes(session)
    assert [change.value for change in found] == [321.0, 322.0, 325.0]
    assert [change.status for change in found] == [0, 0, OVERFLOW]


async def test_a_full_queue_has_not_overflowed(session: Session) -> None:
    await put(session, SP, 320.0)
    await monitor(session, (await subscribe(session)).SubscriptionId, SP, queue=3)
    await values(session)
    await put(session, SP, 321.0, 322.0, 323.0)
    assert [change.status for change in await changes(session)] == [0, 0, 0]


async def test_the_mark_is_gone_with_the_values_that_were_read(session: Session) -> None:
    await put(session, SP, 320.0)
    await monitor(session, (await subscribe(session)).SubscriptionId, SP, queue=2)
    await put(session, SP, 321.0, 322.0, 323.0)
    assert OVERFLOW in [change.status for change in await changes(session)]
    await put(session, SP, 324.0)
    assert [change[1:3] for change in await changes(session)] == [(324.0, 0)]


@pytest.mark.parametrize("discard_oldest", [True, False])
async def test_a_queue_of_one_is_the_newest_value_without_a_mark(session: Session, discard_oldest: bool) -> None:
    await put(session, SP, 320.0)
    options = {"queue": 1, "discard_oldest": discard_oldest}
    created = await monitor(session, (await subscribe(session)).SubscriptionId, SP, **options)
    assert created.RevisedQueueSize == 1
    await put(session, SP, 321.0, 322.0, 323.0)
    assert [change[1:3] for change in await changes(session)] == [(323.0, 0)]


async def test_a_queue_of_none_is_one_and_of_any_size_is_bounded(session: Session) -> None:
    subscription = (await subscribe(session)).SubscriptionId
    assert (await monitor(session, subscription, SP, queue=0)).RevisedQueueSize == 1
    assert 1 <= (await monitor(session, subscription, SP, queue=2**32 - 1)).RevisedQueueSize < 2**32 - 1
