"""Payloads against another encoder's bytes, and a decoder that knows field numbers only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from historian.sparkplug.payload import (
    OF_BUILT_IN,
    DataType,
    Metric,
    NotSparkplug,
    decode,
    encode,
    milliseconds,
    quality_properties,
)
from plant import quality
from plant.clock import ticks_from_text

OTHERS = bytes.fromhex(
    "08fbd095ffbc3112410a095449433130312f535010031881d095ffbc31200a4a200a075175616c6974790a07656e67556e6974"
    "1205080318c0011205080c42014b690000000000e4754012190a044d6f646510041882d095ffbc312003280150feffffff0f12"
    "120a0342696710051883d095ffbc312008580512110a024f6e10061884d095ffbc31200b700112180a04546578741007188"
    "5d095ffbc31200c7a056bc3a473651807"
)
"""Made by the npm package sparkplug-payload 1.0.3."""

VALUES = {
    DataType.INT8: st.integers(-(2**7), 2**7 - 1),
    DataType.INT16: st.integers(-(2**15), 2**15 - 1),
    DataType.INT32: st.integers(-(2**31), 2**31 - 1),
    DataType.INT64: st.integers(-(2**63), 2**63 - 1),
    DataType.UINT8: st.integers(0, 2**8 - 1),
    DataType.UINT16: st.integers(0, 2**16 - 1),
    DataType.UINT32: st.integers(0, 2**32 - 1),
    DataType.UINT64: st.integers(0, 2**64 - 1),
    DataType.FLOAT: st.floats(width=32, allow_nan=False),
    DataType.DOUBLE: st.floats(allow_nan=False),
    DataType.BOOLEAN: st.booleans(),
    DataType.STRING: st.text(),
    DataType.DATETIME: st.integers(0, 2**63),
}


def test_what_another_encoder_made_is_read() -> None:
    found = [(each.name, each.alias, each.datatype, each.value()) for each in decode(OTHERS)]
    assert found == [
        ("TIC101/SP", 3, DataType.DOUBLE, 350.25),
        ("Mode", 4, DataType.INT32, -2),
        ("Big", 5, DataType.UINT64, 5),
        ("On", 6, DataType.BOOLEAN, True),
        ("Text", 7, DataType.STRING, "käse"),
    ]


def test_the_same_metrics_are_the_same_bytes() -> None:
    properties = {"Quality": (DataType.INT32, 192), "engUnit": (DataType.STRING, "K")}
    metrics = [
        Metric(DataType.DOUBLE, 350.25, "TIC101/SP", 3, 1700000000001, properties=properties),  # type: ignore[arg-type]
        Metric(DataType.INT32, -2, "Mode", 4, 1700000000002, is_historical=True),
        Metric(DataType.UINT64, 5, "Big", 5, 1700000000003),
        Metric(DataType.BOOLEAN, True, "On", 6, 1700000000004),
        Metric(DataType.STRING, "käse", "Text", 7, 1700000000005),
    ]
    assert encode(metrics, 1700000000123, 7) == OTHERS


@given(st.sampled_from(DataType).flatmap(lambda kind: st.tuples(st.just(kind), st.none() | VALUES[kind])), st.data())
def test_every_type_goes_there_and_back(read_metric, read_fields, case, data) -> None:
    datatype, value = case
    metric = Metric(datatype, value, "a/b", 1, 5, is_historical=data.draw(st.booleans()))
    octets = encode([metric], 6, data.draw(st.integers(0, 255)))
    (read,) = [read_metric(each) for number, each in read_fields(octets) if number == 2]
    assert read["value"] == value
    assert read["is_historical"] is metric.is_historical
    (back,) = decode(octets)
    assert (back.value(), back.datatype, back.name, back.alias) == (value, datatype, "a/b", 1)


def test_a_commands_number_without_a_type_is_read_as_of_its_signal(read_fields) -> None:
    (command,) = decode(encode([Metric(DataType.INT32, -2, alias=4)], 1, None))
    assert command.datatype is None
    assert command.value(DataType.INT32) == -2
    assert command.value(DataType.UINT32) == 2**32 - 2


@given(st.binary(max_size=200))
def test_any_bytes_are_metrics_or_are_refused(octets: bytes) -> None:
    try:
        for each in decode(octets):
            each.value(DataType.INT32)
    except NotSparkplug:
        return


def test_a_command_has_numbers_for_datetimes_and_booleans() -> None:
    commands = [
        Metric(DataType.DATETIME, 1_795_320_000_123, "a"),
        Metric(DataType.BOOLEAN, True, "b"),
        Metric(DataType.DOUBLE, 1.5, "c"),
        Metric(DataType.STRING, "hot", "d"),
    ]
    found = decode(encode(commands, 1, None))
    numbers = [each.number(wanted.datatype) for each, wanted in zip(found, commands, strict=True)]
    assert numbers == [ticks_from_text("2026-11-22T04:00:00.123Z"), 1, 1.5, "hot"]
    assert type(numbers[1]) is int


def test_garbage_is_refused() -> None:
    with pytest.raises(NotSparkplug):
        decode(b"\xff\xff\xff")


@pytest.mark.parametrize(
    ("status", "known"),
    [
        (quality.GOOD, 192),
        (quality.GOOD_LOCAL_OVERRIDE, 192),
        (quality.UNCERTAIN_LAST_USABLE_VALUE, 500),
        (quality.BAD_WAITING_FOR_INITIAL_DATA, 0),
    ],
)
def test_quality_is_one_of_three_and_the_code_is_beside_it(status: int, known: int) -> None:
    assert quality_properties(status) == {"Quality": (DataType.INT32, known), "StatusCode": (DataType.INT64, status)}


def test_times_are_milliseconds_and_never_negative() -> None:
    assert milliseconds(ticks_from_text("1970-01-01T00:00:01.2349999Z")) == 1234
    assert milliseconds(ticks_from_text("1969-12-31T00:00:00Z")) == 0


def test_every_scalar_type_of_opc_ua_has_one() -> None:
    assert set(OF_BUILT_IN) == {*range(1, 14), 21}
