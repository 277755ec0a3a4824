"""Attribute service set: Read and Write (OPC 10000-4 v1.05 §5.11, NumericRange §7.27)."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua

from .services import (
    BOTH,
    CAUSE,
    DOUBLE,
    KC,
    NAMESPACES,
    OVERFLOW,
    SP,
    STRING,
    TC,
    T,
    names,
    node,
    put,
    read,
    read_request,
    rvid,
    step,
    write,
    write_value,
)
from .wire import Session

CURRENT_TIME = ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime)
Stamps = ua.TimestampsToReturn
NO_RANGE = ("BadIndexRangeInvalid", "BadIndexRangeNoData")


def codes(found: list[ua.DataValue]) -> list[str]:
    return names(each.StatusCode or ua.StatusCode() for each in found)


# ---------------------------------------------------------------- Read


@pytest.mark.parametrize("name", [SP, T, CURRENT_TIME, "R101.Detector.Cause"], ids=str)
@pytest.mark.parametrize(
    ("wanted", "source", "server"),
    [
        (Stamps.Source, True, False),
        (Stamps.Server, False, True),
        (Stamps.Both, True, True),
        (Stamps.Neither, False, False),
    ],
)
async def test_timestamps_are_returned_as_asked(
    session: Session, name: Any, wanted: ua.TimestampsToReturn, source: bool, server: bool
) -> None:
    await put(session, CAUSE, "none", kind=STRING)
    await put(session, SP, 320.0)
    (data,) = await read(session, name, timestamps=wanted)
    assert (data.SourceTimestamp is not None, data.ServerTimestamp is not None) == (source, server)


@pytest.mark.parametrize("wanted", [Stamps.Invalid, -1, 9])
async def test_impossible_timestamps_are_refused(session: Session, wanted: ua.TimestampsToReturn) -> None:
    assert await session.refused(read_request(rvid(SP), timestamps=wanted)) == "BadTimestampsToReturnInvalid"


@pytest.mark.parametrize("max_age", [-1.0, -math.inf])
async def test_a_negative_age_is_refused(session: Session, max_age: float) -> None:
    assert await session.refused(read_request(rvid(SP), max_age=max_age)) == "BadMaxAgeInvalid"


async def test_an_age_is_accepted_and_the_value_is_no_older_than_the_scan(session: Session) -> None:
    await put(session, SP, 320.0)
    for max_age in (0.0, 1.0, 1e9, math.inf):
        assert (await read(session, SP, max_age=max_age))[0].Value.Value == 320.0


async def test_a_server_time_says_when_the_value_was_known_to_be_accurate(session: Session) -> None:
    """§7.11.4: of what is read it is now, however long ago the value changed."""
    await put(session, SP, 320.0)
    (before,) = await read(session, SP)
    (after,) = await read(session, SP)
    assert before.SourceTimestamp == after.SourceTimestamp
    assert before.ServerTimestamp < after.ServerTimestamp <= datetime.now(UTC)


async def test_each_item_gets_its_own_answer_in_its_place(session: Session) -> None:
    await put(session, SP, 320.0)
    found = await read(
        session,
        "R999.T",
        SP,
        rvid(SP, 999),
        rvid(SP, 0),
        rvid(SP, ua.AttributeIds.EventNotifier),
        rvid("R101", ua.AttributeIds.Value),
        ua.ReadValueId(NodeId=ua.NodeId("R101.T", 77), AttributeId=ua.AttributeIds.Value),
        SP,
    )
    attribute, unknown = "BadAttributeIdInvalid", "BadNodeIdUnknown"
    assert codes(found) == [unknown, "Good", attribute, attribute, attribute, attribute, unknown, "Good"]
    assert found[1].Value.Value == found[7].Value.Value == 320.0


@pytest.mark.parametrize(
    ("index_range", "expected"),
    [("0", slice(0, 1)), ("1", slice(1, 2)), ("0:1", slice(0, 2)), ("1:2", slice(1, 3)), ("1:99", slice(1, None))],
)
async def test_an_index_range_cuts_an_array(session: Session, index_range: str, expected: slice) -> None:
    """Of a range that begins within the array, what exists is returned."""
    whole, part = await read(session, NAMESPACES, rvid(NAMESPACES, index_range=index_range))
    assert len(whole.Value.Value) >= 3
    assert part.Value.Value == whole.Value.Value[expected]


@pytest.mark.parametrize("index_range", ["1:0", "1:1", "a", "-1", "0:", ":1", "1:2:3", " 1", "0,"])
async def test_an_index_range_that_is_none_is_refused(session: Session, index_range: str) -> None:
    assert codes(await read(session, rvid(NAMESPACES, index_range=index_range))) == ["BadIndexRangeInvalid"]


@pytest.mark.parametrize("index_range", ["99", "99:100"])
async def test_an_index_range_beyond_the_array_has_no_data(session: Session, index_range: str) -> None:
    assert codes(await read(session, rvid(NAMESPACES, index_range=index_range))) == ["BadIndexRangeNoData"]


async def test_an_index_range_cuts_a_string(session: Session) -> None:
    await put(session, CAUSE, "T sensor bias", kind=STRING)
    part, beyond = await read(session, rvid(CAUSE, index_range="2:7"), rvid(CAUSE, index_range="50"))
    assert part.Value.Value == "sensor"
    assert codes([beyond]) == ["BadIndexRangeNoData"]


@pytest.mark.parametrize(
    "item",
    [
        rvid(SP, index_range="0"),
        rvid(NAMESPACES, index_range="0,0,0"),
        rvid(SP, ua.AttributeIds.NodeId, index_range="0"),
    ],
)
async def test_there_is_no_part_of_what_is_no_array(session: Session, item: ua.ReadValueId) -> None:
    assert codes(await read(session, item))[0] in NO_RANGE


async def test_an_encoding_is_for_structures_only_and_must_be_known(session: Session) -> None:
    binary, unknown = ua.QualifiedName("Default Binary", 0), ua.QualifiedName("Default Cuneiform", 0)

    def encoded(name: str, attribute: int, encoding: ua.QualifiedName) -> ua.ReadValueId:
        item = rvid(name, attribute)
        item.DataEncoding = encoding
        return item

    value, display = ua.AttributeIds.Value, ua.AttributeIds.DisplayName
    found = await read(
        session,
        encoded("R101.T.EURange", value, binary),
        encoded("R101.T.EURange", value, unknown),
        encoded(SP, value, binary),
        encoded(SP, display, binary),
    )
    invalid = "BadDataEncodingInvalid"
    assert codes(found) == ["Good", "BadDataEncodingUnsupported", invalid, invalid]


async def test_every_attribute_of_a_variable_can_be_read(session: Session) -> None:
    wanted = [
        ua.AttributeIds.NodeId,
        ua.AttributeIds.NodeClass,
        ua.AttributeIds.BrowseName,
        ua.AttributeIds.DisplayName,
        ua.AttributeIds.DataType,
        ua.AttributeIds.ValueRank,
        ua.AttributeIds.AccessLevel,
        ua.AttributeIds.UserAccessLevel,
        ua.AttributeIds.MinimumSamplingInterval,
        ua.AttributeIds.Historizing,
    ]
    found = await read(session, *(rvid(T, attribute) for attribute in wanted))
    assert codes(found) == ["Good"] * len(wanted)
    by_id = {attribute: data.Value.Value for attribute, data in zip(wanted, found, strict=True)}
    assert by_id[ua.AttributeIds.NodeId] == node(T)
    assert by_id[ua.AttributeIds.NodeClass] == ua.NodeClass.Variable
    assert by_id[ua.AttributeIds.DataType] == ua.NodeId(ua.ObjectIds.Double)
    assert by_id[ua.AttributeIds.ValueRank] == ua.ValueRank.Scalar
    assert not by_id[ua.AttributeIds.AccessLevel] & 2
    assert all(data.SourceTimestamp is None for data in found)


async def test_a_bad_value_is_read_with_its_status(session: Session) -> None:
    (data,) = await read(session, "R102.Detector.Score", timestamps=BOTH)
    assert codes([data]) == ["BadWaitingForInitialData"]
    assert data.Value is None or data.Value.Value is None


# ---------------------------------------------------------------- Write


async def test_each_write_gets_its_own_answer_and_the_good_ones_are_done(session: Session) -> None:
    await put(session, SP, 320.0)
    found = await write(
        session,
        write_value("R999.T", 1.0),
        write_value(SP, 321.0),
        write_value(SP, "hot", STRING),
        write_value(SP, 321.0, ua.VariantType.Float),
        write_value(SP, [321.0]),
        write_value(SP, None, ua.VariantType.Null),
        write_value(T, 320.0),
        write_value(SP, ua.LocalizedText("x"), ua.VariantType.LocalizedText, AttributeId=ua.AttributeIds.DisplayName),
        write_value(SP, 321.0, AttributeId=999),
        write_value("R101", 321.0),
        write_value(KC, 7.0),
    )
    mismatch, attribute = "BadTypeMismatch", "BadAttributeIdInvalid"
    expected = ["BadNodeIdUnknown", "Good", mismatch, mismatch, mismatch, mismatch, "BadNotWritable", "BadNotWritable"]
    assert found == [*expected, attribute, attribute, "Good"]
    assert [each.Value.Value for each in await read(session, SP, KC)] == [321.0, 7.0]


@pytest.mark.parametrize("value", [299.9, 390.1, math.nan, math.inf])
async def test_what_is_out_of_range_is_refused(session: Session, value: float) -> None:
    await put(session, SP, 320.0)
    assert await write(session, write_value(SP, value)) == ["BadOutOfRange"]
    assert (await read(session, SP))[0].Value.Value == 320.0


@pytest.mark.parametrize("code", [ua.StatusCodes.BadSensorFailure, ua.StatusCodes.UncertainLastUsableValue])
async def test_a_status_is_not_written(session: Session, code: int) -> None:
    await put(session, SP, 320.0)
    data = ua.DataValue(ua.Variant(321.0, DOUBLE), ua.StatusCode(ua.UInt32(code)))
    assert await write(session, write_value(SP, 0.0, Value=data)) == ["BadWriteNotSupported"]
    assert (await read(session, SP))[0].Value.Value == 320.0


@pytest.mark.parametrize("code", [0, 0x400, OVERFLOW])
async def test_a_good_status_is_written_whatever_its_info_bits(session: Session, code: int) -> None:
    """What was received is often written on as it came, with the bits that a queue has set."""
    await put(session, SP, 320.0)
    data = ua.DataValue(ua.Variant(321.0, DOUBLE), ua.StatusCode(ua.UInt32(code)))
    assert await write(session, write_value(SP, 0.0, Value=data)) == ["Good"]
    (found,) = await read(session, SP)
    assert (found.Value.Value, found.StatusCode.is_good()) == (321.0, True)


async def test_a_written_value_is_read_at_once_and_stays(session: Session) -> None:
    await put(session, SP, 320.0)
    assert await write(session, write_value(SP, 321.0)) == ["Good"]
    assert (await read(session, SP))[0].Value.Value == 321.0
    await step(session, 1.0)
    assert (await read(session, SP))[0].Value.Value == 321.0


@pytest.mark.parametrize("index_range", ["0", "1:0", "a"])
async def test_there_is_no_part_of_a_scalar_to_write(session: Session, index_range: str) -> None:
    await put(session, SP, 320.0)
    found = await write(session, write_value(SP, 321.0, IndexRange=index_range))
    assert found[0] in (*NO_RANGE, "BadWriteNotSupported", "BadTypeMismatch")
    assert (await read(session, SP))[0].Value.Value == 320.0


async def test_part_of_a_string_is_written_or_refused_never_the_whole(session: Session) -> None:
    await put(session, CAUSE, "T sensor bias", kind=STRING)
    (result,) = await write(session, write_value(CAUSE, "SENSOR", STRING, IndexRange="2:7"))
    assert result in ("Good", "BadWriteNotSupported")
    expected = "T SENSOR bias" if result == "Good" else "T sensor bias"
    assert (await read(session, CAUSE))[0].Value.Value == expected


async def test_writes_of_one_call_are_done_in_their_order(session: Session) -> None:
    found = await write(session, *(write_value(TC, value) for value in (301.0, 302.0, 303.0)))
    assert found == ["Good"] * 3
    assert (await read(session, TC))[0].Value.Value == 303.0
