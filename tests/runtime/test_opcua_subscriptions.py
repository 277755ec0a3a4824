"""What a server publishes: handed on in order, acknowledged when it was taken, and the link ends where it must."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from plant import quality
from runtime.errors import LinkLost
from runtime.opcua_link import subscriptions
from runtime.opcua_link.binary import Malformed
from runtime.opcua_link.errors import link_errors
from runtime.opcua_link.limits import Limits
from runtime.opcua_link.nodes import require
from runtime.opcua_link.responses import DATA_CHANGES, PUBLISH_RESPONSE, STATUS_CHANGE, read_published
from runtime.opcua_link.subscriptions import Subscriptions
from runtime.opcua_link.values import Notification

SUBSCRIPTION = 3
GOOD_SUBSCRIPTION_TRANSFERRED, BAD_TIMEOUT = 0x002D0000, 0x800A0000


def data_changes(*values: float, handle: int = 0) -> ua.DataChangeNotification:
    items = [
        ua.MonitoredItemNotification(ua.UInt32(handle), ua.DataValue(ua.Variant(value, ua.VariantType.Double)))
        for value in values
    ]
    return ua.DataChangeNotification(MonitoredItems=items)


def response(number: int, *parts: Any, subscription: int = SUBSCRIPTION, status: int = 0) -> ua.PublishResponse:
    found = ua.PublishResponse()
    found.ResponseHeader.ServiceResult = ua.StatusCode(ua.UInt32(status))
    found.Parameters.SubscriptionId = ua.UInt32(subscription)
    found.Parameters.NotificationMessage.SequenceNumber = ua.UInt32(number)
    found.Parameters.NotificationMessage.NotificationData = list(parts)
    return found


class Server:
    """Stands where a session would: answers Publish with what a test says, then with nothing."""

    limits = Limits()

    def __init__(self, *answers: ua.PublishResponse | bytes) -> None:
        self._answers = [each if isinstance(each, bytes) else struct_to_binary(each) for each in answers]
        self.acknowledged: list[tuple[int, int]] = []
        self.services = self
        self.where = "test"

    async def answer(self, call: Awaitable[Any]) -> Any:
        with link_errors("test"):
            return await call

    async def answers(self, call: Callable[[Sequence[Any]], Awaitable[Any]], asked: Sequence[Any], most: int) -> Any:
        found = await self.answer(call(asked))
        assert len(found) == len(asked) <= most
        return found

    async def send(self, request: Any, timeout: float) -> bytes:
        self.acknowledged += [
            (each.SubscriptionId, each.SequenceNumber) for each in request.Parameters.SubscriptionAcknowledgements
        ]
        if not self._answers:
            await asyncio.Event().wait()
        return self._answers.pop(0)

    async def _send_request(self, request: Any) -> Any:
        made = ua.CreateSubscriptionResponse()
        made.Parameters.SubscriptionId = ua.UInt32(SUBSCRIPTION)
        return ua.utils.Buffer(struct_to_binary(made))

    async def create_monitored_items(self, params: Any) -> list[ua.MonitoredItemCreateResult]:
        return [ua.MonitoredItemCreateResult() for _ in params.ItemsToCreate]

    def node_id(self, name: str) -> ua.NodeId:
        return ua.NodeId(name, 2)


async def received(server: Server, count: int) -> list[Any]:
    """Return the first values that are handed on, and for each what had been acknowledged before it."""
    found: list[Any] = []
    enough = asyncio.Event()

    async def on_data(data: Notification) -> None:
        found.append((data.values, list(server.acknowledged)))
        if len(found) == count:
            enough.set()

    present = Subscriptions(server)  # type: ignore[arg-type]
    await present.subscribe(["R101.T"], on_data, 0.1, 10, require)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        running = group.create_task(present.run())
        await enough.wait()
        while len(server.acknowledged) < count:  # noqa: ASYNC110
            await asyncio.sleep(0)
        running.cancel()
    return found


async def test_notifications_come_in_order_and_are_acknowledged_after_they_were_taken() -> None:
    answers = [
        response(1, data_changes(1.0, 2.0)),
        response(2),
        response(2, data_changes(3.0)),
        response(3, data_changes(4.0)),
    ]
    server = Server(*answers, response(9, data_changes(9.0), subscription=8))
    found = await received(server, 3)
    assert [values for values, _ in found] == [[1.0, 2.0], [3.0], [4.0]]
    assert all((SUBSCRIPTION, number) not in before for number, (_, before) in enumerate(found, 1))
    assert server.acknowledged == [(SUBSCRIPTION, 1), (SUBSCRIPTION, 2), (SUBSCRIPTION, 3)]


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (response(2, ua.StatusChangeNotification(ua.StatusCode(ua.UInt32(BAD_TIMEOUT)))), quality.name_of(BAD_TIMEOUT)),
        (
            response(2, ua.StatusChangeNotification(ua.StatusCode(ua.UInt32(GOOD_SUBSCRIPTION_TRANSFERRED)))),
            quality.name_of(GOOD_SUBSCRIPTION_TRANSFERRED),
        ),
        (response(2, data_changes(1.0, handle=1)), "unknown item 1"),
        (response(2, status=0x80790000), "BadNoSubscription"),
        (response(3, data_changes(1.0)), "notification 2 is lacking: 3 came"),
        (response(1, data_changes(1.0)), "notification 2 is lacking: 1 came"),
        (struct_to_binary(response(2, data_changes(1.0)))[:-20], "cannot be read"),
        (struct_to_binary(ua.ReadResponse()), "cannot be read"),
        (b"", "cannot be read"),
    ],
)
async def test_the_link_ends_when_a_subscription_does_or_cannot_be_understood(
    last: ua.PublishResponse | bytes, why: str
) -> None:
    with pytest.raises(BaseExceptionGroup) as ended:
        await received(Server(response(1, data_changes(1.0)), last), 2)
    assert [type(each) for each in ended.value.exceptions] == [LinkLost]
    assert why in str(ended.value.exceptions[0])


async def test_after_the_last_number_comes_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "LAST_NUMBER", 2)
    server = Server(*(response(number, data_changes(float(number))) for number in (1, 2, 1)))
    assert [values for values, _ in await received(server, 3)] == [[1.0], [2.0], [1.0]]


async def test_a_server_that_takes_fewer_requests_gets_fewer_and_all_acknowledgements() -> None:
    too_many = response(0, status=int(ua.StatusCodes.BadTooManyPublishRequests))
    answers = [response(1, data_changes(1.0)), too_many, response(2, data_changes(2.0)), too_many]
    server = Server(*answers, response(3, data_changes(3.0)))
    assert [values for values, _ in await received(server, 3)] == [[1.0], [2.0], [3.0]]
    assert set(server.acknowledged) == {(SUBSCRIPTION, number) for number in (1, 2, 3)}


async def test_one_that_takes_none_is_lost() -> None:
    too_many = response(0, status=int(ua.StatusCodes.BadTooManyPublishRequests))
    with pytest.raises(BaseExceptionGroup) as ended:
        await received(Server(*[too_many] * 3), 1)
    assert "BadTooManyPublishRequests" in str(ended.value.exceptions[0])


async def test_one_that_publishes_nothing_not_even_keep_alives_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "SILENCE_S", 0.1)
    with pytest.raises(BaseExceptionGroup) as ended:
        await received(Server(response(1, data_changes(1.0)), response(2)), 2)
    assert "nothing was published for 0.1 s, not even a keep-alive" in str(ended.value.exceptions[0])


async def test_whose_queue_is_none_is_known() -> None:
    server = Server()

    async def created(params: Any) -> list[ua.MonitoredItemCreateResult]:
        return [ua.MonitoredItemCreateResult(RevisedQueueSize=ua.UInt32(size)) for size in (1, 10)]

    server.create_monitored_items = created  # type: ignore[method-assign]
    present = Subscriptions(server)  # type: ignore[arg-type]
    await present.subscribe(["R101.T", "R101.Ca"], None, 0.1, 10, require)  # type: ignore[arg-type]
    assert present.unqueued == {"R101.T"}


async def test_of_what_was_refused_nothing_is_handed_on() -> None:
    server = Server(response(1, data_changes(1.0, handle=1), data_changes(2.0)), response(2, data_changes(3.0)))
    statuses = [ua.StatusCodes.Good, ua.StatusCodes.BadTooManyMonitoredItems]

    async def created(params: Any) -> list[ua.MonitoredItemCreateResult]:
        places = [item.RequestedParameters.ClientHandle for item in params.ItemsToCreate]
        return [ua.MonitoredItemCreateResult(ua.StatusCode(ua.UInt32(statuses[place]))) for place in places]

    server.create_monitored_items = created  # type: ignore[method-assign]
    found: list[list[object]] = []
    enough = asyncio.Event()

    async def on_data(data: Notification) -> None:
        found.append(data.values)
        if len(found) == 3:
            enough.set()

    present = Subscriptions(server)  # type: ignore[arg-type]
    await present.subscribe(["R101.T", "R101.Ca"], on_data, 0.1, 10, require, lambda name, why: None)
    assert await present.look_again() == []
    statuses[1] = ua.StatusCodes.Good
    assert await present.look_again() == ["R101.Ca"]
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        running = group.create_task(present.run())
        await enough.wait()
        running.cancel()
    assert found == [[], [2.0], [3.0]]


def test_encodings_are_those_of_the_standard() -> None:
    assert ua.ObjectIds.PublishResponse_Encoding_DefaultBinary == PUBLISH_RESPONSE
    assert ua.ObjectIds.DataChangeNotification_Encoding_DefaultBinary == DATA_CHANGES
    assert ua.ObjectIds.StatusChangeNotification_Encoding_DefaultBinary == STATUS_CHANGE


texts = st.none() | st.text(max_size=5)
diagnostics = st.builds(
    ua.DiagnosticInfo,
    SymbolicId=st.none() | st.just(ua.Int32(1)),
    LocalizedText=st.none() | st.just(ua.Int32(2)),
    AdditionalInfo=texts,
    InnerStatusCode=st.none() | st.just(ua.StatusCode(ua.UInt32(BAD_TIMEOUT))),
)


@given(
    st.lists(texts),
    st.lists(st.integers(0, 2**32 - 1).map(ua.UInt32)),
    diagnostics,
    st.booleans(),
    st.integers(0, 3),
    st.data(),
)
def test_any_response_is_read_as_asyncua_writes_it_and_a_cut_one_is_an_error(
    strings: list[str],
    available: list[ua.UInt32],
    diagnostic: ua.DiagnosticInfo,
    more: bool,
    parts: int,
    data: st.DataObject,
) -> None:
    sent = response(5, *[data_changes(1.0, 2.0)] * parts)
    sent.ResponseHeader.StringTable = strings
    sent.ResponseHeader.ServiceDiagnostics = diagnostic
    sent.ResponseHeader.AdditionalHeader = data.draw(st.sampled_from([None, ua.Range(1.0, 2.0)]))
    sent.Parameters.AvailableSequenceNumbers = available
    sent.Parameters.MoreNotifications = more
    octets = struct_to_binary(sent)
    found = read_published(octets)
    assert (found.service_result, found.subscription, found.sequence_number) == (0, SUBSCRIPTION, 5)
    assert found.parts == ((DATA_CHANGES, struct_to_binary(data_changes(1.0, 2.0))),) * parts
    end = octets.rindex(found.parts[-1][1]) + len(found.parts[-1][1]) if parts else 20
    with pytest.raises(Malformed):
        read_published(octets[: data.draw(st.integers(0, end - 1))])
