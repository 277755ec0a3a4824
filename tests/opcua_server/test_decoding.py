"""What the decoding of a message may cost: nesting, lengths and the number of objects are bounded, and so is time."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import from_binary, struct_from_binary

from opcua_server.limits import ServerLimits
from opcua_server.wire import decoding, lengths
from opcua_server.wire.written import written_values
from runtime.limit_settings import LimitSettings

FEW = LimitSettings(string_bytes=4096, byte_string_bytes=65_536, array_length=10_000)
VARIANTS, DATA_VALUES, STRINGS, BYTES, NULL = 0x98, 0x97, 0x8C, 0x83, b"\x00"


def array(kind: int, count: int) -> bytes:
    return struct.pack("<Bi", kind, count)


def string(kind: int, size: int) -> bytes:
    return struct.pack("<Bi", kind, size) + bytes(size)


@pytest.fixture
def limits() -> Iterator[ServerLimits]:
    lengths.check()
    few = ServerLimits.of(FEW, 100.0)
    decoding.limit(few)
    yield few
    decoding.limit(ServerLimits())


def variant(octets: bytes) -> ua.Variant:
    return from_binary(ua.Variant, decoding.budgeted(octets, 0))


def nested_objects(levels: int) -> bytes:
    """Return a LiteralOperand in a Variant, in a LiteralOperand, and so on: two levels each."""
    octets = NULL
    for _ in range(levels):
        octets = b"\x16\x01\x00" + struct.pack("<HBi", 597, 1, len(octets)) + octets
    return octets


@pytest.mark.parametrize(
    ("octets", "limit"),
    [
        (array(VARIANTS, 1) * 100 + NULL, "nesting"),
        (b"\x17\x01" * 100 + NULL, "nesting"),
        (nested_objects(50) + NULL, "nesting"),
        (string(12, 4097), "string_bytes"),
        (string(15, 65_537), "byte_string_bytes"),
        (array(BYTES, 10_001) + bytes(10_001), "array_length"),
        (array(STRINGS, 10_001) + bytes(40_004), "array_length"),
        (array(VARIANTS, 1 << 30), "array_length"),
        (array(VARIANTS, 11) + (array(VARIANTS, 10_000) + bytes(10_000)) * 11, "message_objects"),
    ],
    ids=["variants", "data values", "structures", "string", "bytes", "array", "strings", "a lie", "all together"],
)
def test_what_is_past_a_limit_is_refused_and_counted(limits: ServerLimits, octets: bytes, limit: str) -> None:
    with pytest.raises(ua.uaerrors.BadEncodingLimitsExceeded):
        variant(octets)
    assert +limits.reached.counts == {limit: 1}


@pytest.mark.parametrize(
    "octets",
    [
        array(VARIANTS, 1) * 99 + NULL,
        b"\x17\x01" * 99 + NULL,
        nested_objects(49),
        string(12, 4096),
        string(15, 65_536),
        array(BYTES, 10_000) + bytes(10_000),
        array(VARIANTS, 2) + (array(VARIANTS, 10_000) + bytes(10_000)) * 2,
    ],
    ids=["variants", "data values", "structures", "string", "bytes", "array", "all together"],
)
def test_what_is_within_the_limits_is_read(limits: ServerLimits, octets: bytes) -> None:
    assert variant(octets).Value is not None
    assert not +limits.reached.counts


def test_all_values_of_a_write_have_one_budget(limits: ServerLimits) -> None:
    value = b"\x00\x00" + struct.pack("<Ii", 13, -1) + b"\x01" + array(VARIANTS, 10_000) + bytes(10_000)
    assert len(written_values(struct.pack("<i", 2) + value * 2, 0)) == 2
    with pytest.raises(ua.uaerrors.BadEncodingLimitsExceeded):
        written_values(struct.pack("<i", 3) + value * 3, 0)


def test_sixteen_megabytes_of_tiny_values_are_refused_soon(limits: ServerLimits) -> None:
    deep = b"\x01\x17" * 95 + NULL
    octets = array(DATA_VALUES, 10_000) + deep * (16_000_000 // len(deep))
    began = time.process_time()
    with pytest.raises(ua.uaerrors.BadEncodingLimitsExceeded):
        variant(octets)
    assert time.process_time() - began < 2.0


def test_a_path_of_many_elements_is_refused(limits: ServerLimits) -> None:
    element = b"\x00\x00\x00\x00\x00\x00" + struct.pack("<i", -1)
    path = b"\x00\x00" + struct.pack("<i", 9_000) + element * 9_000
    with pytest.raises(ua.uaerrors.BadEncodingLimitsExceeded):
        struct_from_binary(
            ua.TranslateBrowsePathsToNodeIdsParameters, decoding.budgeted(struct.pack("<i", 12) + path * 12, 0)
        )
    assert +limits.reached.counts == {"message_objects": 1}
