"""How real clients read: what they do, in the order in which they do it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from asyncua import ua

from plant.names import NAMESPACE_URI
from plant.signals import reactor_signals

from .conftest import Dial
from .services import (
    KC,
    NAMESPACES,
    OVERFLOW,
    SP,
    Change,
    T,
    answer,
    changes,
    changes_of,
    item,
    monitor,
    monitor_all,
    node,
    publish,
    publish_request,
    put,
    read,
    republish_request,
    rvid,
    step,
    subscribe,
    transfer,
    values,
    write,
    write_value,
)
from .wire import Application, Session, begin, connected

TAGS = [f"{reactor}.{signal.name}" for reactor in ("R101", "R102") for signal in reactor_signals(reactor)]


async def test_scalars_only(session: Session) -> None:
    """An HMI takes what is a scalar of a built-in type, and shows each of them."""
    ranks = await read(session, *(rvid(name, ua.AttributeIds.ValueRank) for name in TAGS))
    types = await read(session, *(rvid(name, ua.AttributeIds.DataType) for name in TAGS))
    assert {data.Value.Value for data in ranks} == {ua.ValueRank.Scalar}
    assert all(data.Value.Value.NamespaceIndex == 0 and data.Value.Value.Identifier <= 25 for data in types)
    mine = (await subscribe(session)).SubscriptionId
    created = await monitor_all(session, mine, *(item(name, handle) for handle, name in enumerate(TAGS)))
    assert all(result.StatusCode.is_good() for result in created)
    found = await changes(session)
    assert sorted(change.handle for change in found) == list(range(len(TAGS)))
    shown = await read(session, *TAGS)
    for change in found:
        data = shown[change.handle]
        assert change.value == (data.Value.Value if data.Value is not None else None), TAGS[change.handle]


async def test_a_thousand_items_a_call(session: Session) -> None:
    wanted = [TAGS[place % len(TAGS)] for place in range(1000)]
    assert len(await read(session, *wanted)) == 1000
    mine = (await subscribe(session, 100.0)).SubscriptionId
    created = await monitor_all(session, mine, *(item(name, handle) for handle, name in enumerate(wanted)))
    assert len({result.MonitoredItemId for result in created}) == 1000
    assert sorted(change.handle for change in await changes(session)) == list(range(1000))
    await step(session)
    moved = [change.handle for change in await changes(session)]
    assert {place for place, name in enumerate(wanted) if name == T} <= set(moved)
    assert len(moved) == len(set(moved))


async def test_block_reads_in_tens(session: Session) -> None:
    whole = await read(session, *TAGS)
    for start in range(0, len(TAGS), 10):
        found = await read(session, *TAGS[start : start + 10])
        assert [each.Value for each in found] == [each.Value for each in whole[start : start + 10]]


async def test_history_in_tens_page_by_page(session: Session) -> None:
    """Ten nodes a call, seven values a page, on with the continuation points until there is none."""
    for _ in range(20):
        await step(session)
    names = [f"R101.{name}" for name in ("T", "TB", "Ca", "Cb", "TcActual", "Tf", "Caf", "q", "X", "r")]
    details = ua.ReadRawModifiedDetails(
        IsReadModified=False,
        StartTime=datetime(2000, 1, 1, tzinfo=UTC),
        EndTime=datetime(2100, 1, 1, tzinfo=UTC),
        NumValuesPerNode=7,
        ReturnBounds=False,
    )
    found: dict[str, list[datetime]] = {name: [] for name in names}
    points: dict[str, bytes | None] = dict.fromkeys(names)
    while points:
        nodes = [ua.HistoryReadValueId(NodeId=node(name), ContinuationPoint=point) for name, point in points.items()]
        parameters = ua.HistoryReadParameters(details, ua.TimestampsToReturn.Source, False, nodes)
        results = (await session.call(ua.HistoryReadRequest(Parameters=parameters))).Results
        for name, result in zip(list(points), results, strict=True):
            assert result.StatusCode.is_good(), (name, result.StatusCode.name)
            page = result.HistoryData.DataValues
            assert len(page) <= 7
            found[name] += [data.SourceTimestamp for data in page]
            points[name] = result.ContinuationPoint
            if not result.ContinuationPoint:
                del points[name]
    for name, times in found.items():
        assert times == sorted(set(times)), name
    assert len(found["R101.T"]) >= 20


async def test_register_first_then_use_what_was_returned(session: Session) -> None:
    request = ua.RegisterNodesRequest(Parameters=ua.RegisterNodesParameters([node(SP), node(KC)]))
    sp, kc = (await session.call(request)).Parameters.RegisteredNodeIds
    assert await write(session, write_value(sp, 331.0), write_value(kc, 6.5)) == ["Good", "Good"]
    await step(session)
    assert [data.Value.Value for data in await read(session, sp, kc)] == [331.0, 6.5]
    mine = (await subscribe(session)).SubscriptionId
    created = await monitor_all(session, mine, item(sp, 1), item(kc, 2))
    assert all(result.StatusCode.is_good() for result in created)
    assert sorted(change[:2] for change in await changes(session)) == [(1, 331.0), (2, 6.5)]
    request = ua.UnregisterNodesRequest(Parameters=ua.UnregisterNodesParameters([sp, kc]))
    assert await session.refused(request) == "Good"


async def test_stored_namespace_uris_are_resolved_through_the_namespace_array(session: Session) -> None:
    stored = [f"nsu={NAMESPACE_URI};s={name}" for name in (SP, T)]
    (array,) = await read(session, NAMESPACES)
    uris = list(array.Value.Value)
    resolved = []
    for text in stored:
        uri, _, rest = text.removeprefix("nsu=").partition(";")
        resolved.append(ua.NodeId.from_string(f"ns={uris.index(uri)};{rest}"))
    assert all(data.StatusCode.is_good() for data in await read(session, *resolved))
    assert resolved == [node(SP), node(T)]


async def test_a_hundred_subscriptions_from_one_session(session: Session) -> None:
    await put(session, SP, 320.0)
    created = [(await subscribe(session, 100.0, keep_alive=100)).SubscriptionId for _ in range(100)]
    assert len(set(created)) == 100
    for subscription in created:
        await monitor(session, subscription, SP)
    seen: dict[int, list[float]] = {subscription: [] for subscription in created}

    waiting = [session.send(publish_request()) for _ in range(20)]

    async def until_each_has(count: int) -> None:
        while any(len(found) < count for found in seen.values()):
            result = (await answer(waiting.pop(0))).Parameters
            seen[result.SubscriptionId] += [change.value for change in changes_of(result.NotificationMessage)]
            acknowledged = (result.SubscriptionId, result.NotificationMessage.SequenceNumber)
            waiting.append(session.send(publish_request(acknowledged)))

    await until_each_has(1)
    await put(session, SP, 321.0)
    await until_each_has(2)
    assert all(found == [320.0, 321.0] for found in seen.values())


async def test_a_client_that_stops_publishing_finds_the_newest_and_is_told_of_the_gap(session: Session) -> None:
    await put(session, SP, 320.0)
    await monitor(session, (await subscribe(session)).SubscriptionId, SP, queue=5)
    await changes(session)
    await put(session, SP, *(321.0 + place for place in range(20)))
    found = await changes(session)
    assert [change.value for change in found] == [336.0, 337.0, 338.0, 339.0, 340.0]
    assert [change.status for change in found] == [OVERFLOW, 0, 0, 0, 0]


async def test_many_publish_requests_are_kept_outstanding(session: Session) -> None:
    """Ten at once, answered in the order in which they were sent, each message once."""
    await put(session, SP, 320.0)
    mine = (await subscribe(session, keep_alive=100)).SubscriptionId
    await publish(session)
    await monitor(session, mine, SP)
    waiting = [session.send(publish_request()) for _ in range(5)]
    seen: list[Change] = []
    for place, future in enumerate(waiting):
        message = (await answer(future)).Parameters.NotificationMessage
        assert message.SequenceNumber == place + 1
        seen += changes_of(message)
        await put(session, SP, 321.0 + place)
    assert [change.value for change in seen] == [320.0, 321.0, 322.0, 323.0, 324.0]


# ---------------------------------------------------------------- coming back


@pytest.fixture
async def writer(endpoint: str) -> AsyncIterator[Session]:
    """Somebody else, who writes while the client is away."""
    async with connected(endpoint) as active:
        yield active


async def test_a_client_that_reconnects_with_a_new_session_and_transfers_misses_nothing(
    dial: Dial, application: Application, writer: Session
) -> None:
    """What was sent and not acknowledged is republished, by number, before anything new is asked for."""
    await put(writer, SP, 320.0)
    session = await begin(await dial(application), application)
    mine = (await subscribe(session)).SubscriptionId
    await monitor(session, mine, SP, queue=100)
    seen = [change.value for change in changes_of((await publish(session)).NotificationMessage)]
    wanted = 320.0
    for _ in range(3):
        await put(writer, SP, wanted + 1.0)
        lost = session.send(publish_request())  # its answer is on its way when the connection breaks
        await answer(lost)
        await put(writer, SP, wanted + 2.0)
        await session.connection.drop()
        await put(writer, SP, wanted + 3.0)
        session = await begin(await dial(application), application)
        (result,) = await transfer(session, mine, initial=False)
        assert result.StatusCode.is_good()
        for number in sorted(result.AvailableSequenceNumbers)[-1:]:
            again = (await session.call(republish_request(mine, number))).NotificationMessage
            seen += [change.value for change in changes_of(again)]
        numbers = [(mine, number) for number in result.AvailableSequenceNumbers]
        message = (await publish(session, *numbers)).NotificationMessage
        seen += [change.value for change in changes_of(message)]
        wanted += 3.0
    assert seen == [320.0 + place for place in range(10)]
    await session.close()


async def test_a_client_that_reactivates_republishes_until_there_is_no_more(dial: Dial, writer: Session) -> None:
    """As OPC 10000-4 v1.05 §6.7 has it: from the last number that arrived, until BadMessageNotAvailable."""
    await put(writer, SP, 320.0)
    session = await begin(await dial())
    mine = (await subscribe(session)).SubscriptionId
    await monitor(session, mine, SP, queue=100)
    last = (await publish(session)).NotificationMessage.SequenceNumber
    for value in (321.0, 322.0):
        await put(writer, SP, value)
        while not (await publish(session)).NotificationMessage.NotificationData:
            pass  # these two messages never reach our client, as far as it knows
    await session.connection.drop()
    assert await session.activate(await dial()) == "Good"
    found: list[float] = []
    async with asyncio.timeout(10):
        for number in range(last + 1, last + 100):
            again = await answer(session.send(republish_request(mine, number)))
            if again.ResponseHeader.ServiceResult.name == "BadMessageNotAvailable":
                break
            found += [change.value for change in changes_of(again.NotificationMessage)]
    assert found == [321.0, 322.0]
    assert number == last + 3
    await put(writer, SP, 323.0)
    assert await values(session) == [323.0]
    await session.close()


async def test_a_new_session_without_transfer_has_no_right_to_the_old_ones_messages(
    dial: Dial, session: Session
) -> None:
    old = await begin(await dial())
    mine = (await subscribe(old)).SubscriptionId
    await monitor(old, mine, SP)
    sent = (await publish(old)).NotificationMessage.SequenceNumber
    await old.connection.drop()
    assert await session.refused(republish_request(mine, sent)) == "BadSubscriptionIdInvalid"
