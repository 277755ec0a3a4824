"""Requests whose arrays, strings and Variants are not as long as they say, or cannot be sent on."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from asyncua import ua

from ..conformity.services import (
    CAUSE,
    SP,
    STRING,
    T,
    item,
    monitor,
    monitor_request,
    publish,
    publish_request,
    read,
    read_request,
    rvid,
    subscribe,
    write,
    write_request,
    write_value,
)
from ..conformity.wire import Session
from .sending import UNTRUE, fault, is_served, replaced


async def test_a_string_of_negative_length_is_not_read_over_and_over(endpoint: str, bystander: Session) -> None:
    request = ua.FindServersRequest(Parameters=ua.FindServersParameters("", ["locale"], []))
    endless = struct.pack("<ii", 40_000, -4)
    body = replaced(request, bystander, struct.pack("<ii", 1, 6) + b"locale", endless)
    assert await fault(bystander, body) == "BadDecodingError"
    assert await is_served(bystander)


@pytest.mark.parametrize(
    ("variant", "refusal"),
    [
        (struct.pack("<Bi", 0x80, 60_000), "BadDecodingError"),
        (struct.pack("<Bi", 0x8B, 60_000), "BadDecodingError"),
        (struct.pack("<Bi", 0x8B, UNTRUE), "BadEncodingLimitsExceeded"),
        (struct.pack("<Bi", 0x98, 1) * 90, "BadDecodingError"),
        (struct.pack("<Bi", 0x98, 1) * 2000, "BadEncodingLimitsExceeded"),
        (struct.pack("<BiIi", 0xC7, 1, 7, 5000) + struct.pack("<i", UNTRUE) * 5000, "BadDecodingError"),
        (struct.pack("<BiIii", 0xC7, 1, 7, 1, -1), "BadDecodingError"),
    ],
    ids=["nulls", "doubles", "too many", "nested", "nested too deep", "dimensions", "a dimension below 0"],
)
async def test_a_variant_that_claims_more_than_it_has_is_refused(
    endpoint: str, bystander: Session, variant: bytes, refusal: str
) -> None:
    plain = struct.pack("<Bi", 12, 5) + b"water"
    body = replaced(write_request(write_value(CAUSE, "water", STRING)), bystander, plain, variant)
    assert await fault(bystander, body) == refusal
    assert await is_served(bystander)


@pytest.mark.parametrize(
    "request_",
    [read_request(rvid(T)), write_request(write_value(SP, 333.0)), monitor_request(1, item(T))],
    ids=lambda request: type(request).__name__,
)
async def test_an_array_is_not_believed_to_be_as_long_as_it_says(bystander: Session, request_: Any) -> None:
    one_node = struct.pack("<i", 1) + b"\x03\x02\x00"
    body = replaced(request_, bystander, one_node, struct.pack("<i", UNTRUE) + one_node[4:])
    assert await fault(bystander, body) in ("BadEncodingLimitsExceeded", "BadTooManyOperations")
    assert await is_served(bystander)


async def test_acknowledgements_are_not_believed_to_be_as_many_as_they_say(bystander: Session) -> None:
    await subscribe(bystander)
    many = struct.pack("<ii", UNTRUE, 4711)
    body = replaced(publish_request((4711, 1)), bystander, struct.pack("<ii", 1, 4711), many)
    assert await fault(bystander, body) == "BadTooManyOperations"


async def test_null_arrays_are_empty_ones(endpoint: str, bystander: Session) -> None:
    subscription = (await subscribe(bystander)).SubscriptionId
    first, second = [(await monitor(bystander, subscription, T)).MonitoredItemId for _ in range(2)]
    link = ua.SetTriggeringRequest(Parameters=ua.SetTriggeringParameters(subscription, first, [second], None))
    answer = await bystander.call(link)
    assert [each.name for each in answer.Parameters.AddResults] == ["Good"]
    nothing: list[Any] = [
        ua.SetTriggeringRequest(Parameters=ua.SetTriggeringParameters(subscription, first, None, None)),
        ua.DeleteMonitoredItemsRequest(Parameters=ua.DeleteMonitoredItemsParameters(subscription, None)),
        ua.SetMonitoringModeRequest(Parameters=ua.SetMonitoringModeParameters(subscription, 2, None)),
        ua.SetPublishingModeRequest(Parameters=ua.SetPublishingModeParameters(True, None)),
        ua.TransferSubscriptionsRequest(Parameters=ua.TransferSubscriptionsParameters(None, True)),
        ua.DeleteSubscriptionsRequest(Parameters=ua.DeleteSubscriptionsParameters(None)),
    ]
    assert [await bystander.refused(request) for request in nothing] == ["BadNothingToDo"] * len(nothing)


async def test_a_string_that_nobody_can_be_sent_is_not_written(endpoint: str, bystander: Session) -> None:
    subscription = (await subscribe(bystander)).SubscriptionId
    await monitor(bystander, subscription, CAUSE)
    await publish(bystander)
    value = b"\xff\xfe\xfd".decode(errors="surrogateescape")
    assert [await write(bystander, write_value(CAUSE, value, STRING))] == [["BadOutOfRange"]]
    assert (await read(bystander, CAUSE))[0].Value.Value != value
