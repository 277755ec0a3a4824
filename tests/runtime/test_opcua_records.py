"""Data changes off the wire: the same as asyncua reads, whatever their order, and never more than an error."""

from __future__ import annotations

import math
import struct
import uuid
from dataclasses import dataclass

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, variant_to_binary
from hypothesis import example, given
from hypothesis import strategies as st

from plant.clock import LATEST_TICKS
from runtime.opcua_link.binary import MOST_NESTED, Malformed
from runtime.opcua_link.datavalues import reading
from runtime.opcua_link.filetime import FileTime
from runtime.opcua_link.records import decode, decode_history
from runtime.opcua_link.values import Notification, Reading

SIGNALS = [f"R{place}.T" for place in range(50)]
PICOSECONDS = 0x30
DOUBLE = variant_to_binary(ua.Variant(350.5, ua.VariantType.Double))


@dataclass(frozen=True)
class Record:
    handle: int = 7
    mask: int = 0x0D
    variant: bytes = DOUBLE
    status: int = 0
    source_time: int = 134_000_000_000_000_000
    server_time: int = 134_000_000_000_000_001

    def octets(self, mask: int) -> bytes:
        parts = (
            (1, self.variant),
            (2, struct.pack("<I", self.status)),
            (4, struct.pack("<q", self.source_time)),
            (16, b"\xaa\xaa"),
            (8, struct.pack("<q", self.server_time)),
            (32, b"\xbb\xbb"),
        )
        return struct.pack("<IB", self.handle, mask) + b"".join(part for bit, part in parts if mask & bit)


def body(records: list[Record], without: int = 0) -> bytes:
    octets = b"".join(record.octets(record.mask & ~without) for record in records)
    return struct.pack("<i", len(records)) + octets + struct.pack("<i", -1)


def history_body(records: list[Record], without: int = 0) -> bytes:
    octets = b"".join(record.octets(record.mask & ~without)[4:] for record in records)
    return struct.pack("<i", len(records)) + octets


def read_by_asyncua(octets: bytes) -> list[Reading]:
    found = struct_from_binary(ua.DataChangeNotification, Buffer(octets))
    return [reading(SIGNALS[item.ClientHandle], item.Value) for item in found.MonitoredItems]


def comparable(readings: list[Reading]) -> list[object]:
    def shown(value: object) -> object:
        return "NaN" if isinstance(value, float) and math.isnan(value) else (type(value), value)

    return [(each.name, shown(each.value), each.status, each.source_time, each.server_time) for each in readings]


INTEGERS = {"SByte": 8, "Int16": 16, "Int32": 32, "Int64": 64}
Variant = tuple[str, st.SearchStrategy[object]]
SCALARS: list[Variant] = [
    ("Boolean", st.booleans()),
    *((name, st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)) for name, bits in INTEGERS.items()),
    *(
        (name, st.integers(0, 2**bits - 1))
        for name, bits in {"Byte": 8, "UInt16": 16, "UInt32": 32, "UInt64": 64}.items()
    ),
    ("Float", st.floats(width=32)),
    ("Double", st.floats()),
    ("DateTime", st.integers(0, LATEST_TICKS).map(FileTime.of)),
    ("String", st.none() | st.text()),
    ("ByteString", st.none() | st.binary()),
    ("Guid", st.uuids()),
    ("StatusCode", st.integers(0, 2**32 - 1).map(lambda code: ua.StatusCode(ua.UInt32(code)))),
    ("LocalizedText", st.builds(ua.LocalizedText, st.none() | st.text(), st.none() | st.text())),
    ("QualifiedName", st.builds(lambda name: ua.QualifiedName(name, 2), st.text())),
    ("NodeId", st.sampled_from([ua.NodeId(5), ua.NodeId(500, 3), ua.NodeId(70_000, 300), ua.NodeId("R101.T", 2)])),
    ("NodeId", st.builds(lambda guid: ua.NodeId(guid, 2), st.just(uuid.UUID(int=5)))),
    ("ExtensionObject", st.builds(ua.Range, st.floats(), st.floats())),
    ("ExtensionObject", st.just(ua.EUInformation(DisplayName=ua.LocalizedText("K")))),
]


def variant_of(kind: str, value: object) -> bytes:
    return variant_to_binary(ua.Variant(value, ua.VariantType[kind]))


scalars = st.one_of([st.builds(variant_of, st.just(kind), values) for kind, values in SCALARS])
arrays = st.one_of([st.builds(variant_of, st.just(kind), st.lists(values, max_size=4)) for kind, values in SCALARS])
nested = st.lists(scalars, max_size=3).map(
    lambda inner: bytes([0x80 | 24]) + struct.pack("<i", len(inner)) + b"".join(inner)
)
times = st.integers(0, LATEST_TICKS) | st.sampled_from([-1, -(2**63), 2**63 - 1])
records = st.builds(
    Record,
    st.integers(0, len(SIGNALS) - 1),
    st.integers(0, 0x3F) | st.sampled_from([0x0D, 0x0F]),
    st.one_of(st.just(b"\0"), scalars, scalars, arrays, nested),
    st.integers(0, 2**32 - 1),
    times,
    times,
)
runs = st.lists(st.tuples(records, st.integers(1, 200)), max_size=12)


@given(runs)
def test_readings_are_those_of_asyncua(of: list[tuple[Record, int]]) -> None:
    """But for picoseconds: asyncua looks for them behind both times, OPC 10000-6 v1.05 §5.2.2.17 behind their own."""
    sent = [record for record, count in of for _ in range(count)]
    found = decode(body(sent), SIGNALS)
    assert len(found) == len(sent)
    assert comparable(found.readings()) == comparable(read_by_asyncua(body(sent, without=PICOSECONDS)))


@given(runs)
def test_history_is_read_as_asyncua_reads_it(of: list[tuple[Record, int]]) -> None:
    sent = [record for record, count in of for _ in range(count)]
    found = decode_history(history_body(sent), ["R1.T"])
    octets = history_body(sent, without=PICOSECONDS)
    wanted = struct_from_binary(ua.HistoryData, Buffer(octets)).DataValues
    assert comparable(found.readings()) == comparable([reading("R1.T", value) for value in wanted])


@given(st.lists(runs, min_size=1, max_size=3))
def test_pages_are_joined_in_order(pages: list[list[tuple[Record, int]]]) -> None:
    sent = [[record for record, count in page for _ in range(count)] for page in pages]
    joined = Notification.joined([decode(body(page), SIGNALS) for page in sent])
    whole = decode(body([record for page in sent for record in page]), SIGNALS)
    assert comparable(joined.readings()) == comparable(whole.readings())


@given(st.lists(records, min_size=1, max_size=40))
def test_numbers_are_the_values_where_these_are_numbers(sent: list[Record]) -> None:
    found = decode(body(sent), SIGNALS)
    for number, value, is_bad, status in zip(
        found.numbers.tolist(), found.values, found.is_bad.tolist(), found.status.tolist(), strict=True
    ):
        wanted = float(value) if isinstance(value, int | float) else math.nan
        assert number == wanted or (math.isnan(number) and math.isnan(wanted))
        assert is_bad == (value is None or status >= 0x8000_0000)


def test_a_run_ends_where_its_records_do_although_later_ones_look_like_more_of_it() -> None:
    """Seven bytes further on, where a shorter record has shifted the rest, each value holds a run's mask and type."""
    trap = b"\x0b" + b"\0" * 5 + b"\x0d\x0b"
    for length in (1, 7, 8, 9, 100):
        doubles = [Record(1, variant=bytes([11]) + trap[:5] + b"\x0d\x0b\x40")] * length
        flag = Record(2, variant=variant_of("Boolean", True))
        sent = [*doubles, flag, *doubles, flag, flag, *doubles]
        assert comparable(decode(body(sent), SIGNALS).readings()) == comparable(read_by_asyncua(body(sent)))


@given(runs, st.data())
def test_bytes_that_were_cut_or_changed_are_an_error_or_values_and_nothing_else(
    of: list[tuple[Record, int]], data: st.DataObject
) -> None:
    whole = body([record for record, count in of for _ in range(count)])
    cut = whole[: data.draw(st.integers(0, len(whole) - 5))]
    with pytest.raises(Malformed):
        decode(cut, SIGNALS)
    changed = bytearray(whole)
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=5)):
        changed[place] = data.draw(st.integers(0, 255))
    try:
        found = decode(bytes(changed), SIGNALS)
    except Malformed:
        return
    assert len(found.readings()) == len(found)


@given(st.binary(max_size=300))
@example(b"\xff\xff\xff\x7f")
def test_any_bytes_are_an_error_or_values(octets: bytes) -> None:
    try:
        found = decode(octets, SIGNALS)
    except Malformed:
        return
    assert len(found.readings()) == len(found)


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param(b"\x80\xff\xff\xff\x7f", id="an array of two milliard nulls, in no bytes"),
        pytest.param(b"\x98\x01\0\0\0\x80\xff\xff\xff\x7f", id="the same within an array of Variants"),
        pytest.param(b"\xc6\x01\0\0\0\x05\0\0\0\x02\0\0\0\xff\xff\xff\x7f\xff\xff\xff\x7f", id="vast dimensions"),
    ],
)
def test_an_array_that_asyncua_would_fill_the_memory_with_is_passed_over(variant: bytes) -> None:
    found = decode(body([Record(3, variant=variant), Record(4)]), SIGNALS)
    assert found.values == [None, 350.5]


def test_values_nested_without_end_are_an_error() -> None:
    assert decode(body([Record(variant=b"\x18" * (MOST_NESTED - 1) + b"\0")]), SIGNALS).values == [None]
    with pytest.raises(Malformed, match="within each other"):
        decode(body([Record(variant=b"\x18" * 100_000 + b"\0")]), SIGNALS)


def test_an_item_that_was_never_subscribed_to_is_an_error() -> None:
    with pytest.raises(Malformed, match="unknown item 50"):
        decode(body([Record(49), Record(50)]), SIGNALS)


def test_rows_are_taken_with_their_texts() -> None:
    sent = [
        Record(0),
        Record(1, variant=variant_of("String", "a")),
        Record(2),
        Record(3, variant=variant_of("String", "b")),
    ]
    found = decode(body(sent), SIGNALS)
    assert found.take(found.index != 1).values == [350.5, 350.5, "b"]
    assert found.take(found.index == 1).readings() == [found.readings()[1]]


@given(
    st.lists(
        st.builds(
            Reading,
            st.sampled_from(SIGNALS),
            st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
            st.integers(0, 2**32 - 1),
            st.integers(0, LATEST_TICKS),
            st.integers(0, LATEST_TICKS),
        )
    )
)
def test_readings_as_columns_are_the_same_readings(readings: list[Reading]) -> None:
    assert comparable(Notification.of(readings).readings()) == comparable(readings)
