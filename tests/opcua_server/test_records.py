"""MonitoredItemNotifications and DataValues as records: the same bytes as asyncua's, whatever type and status."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from opcua_server.monitoring.sample import of_bits
from opcua_server.wire.records import SERVER, SOURCE, WIDTHS, encode
from plant import quality
from plant.clock import LATEST_TICKS
from runtime.opcua_link.filetime import FileTime

FORMATS = {1: "?", 2: "b", 3: "B", 4: "h", 5: "H", 6: "i", 7: "I", 8: "q", 9: "Q", 10: "f", 11: "d", 13: "q"}
statuses = st.sampled_from([0, 0, quality.GOOD_LOCAL_OVERRIDE, 0x480, quality.UNCERTAIN, 0x4000_0480]) | st.integers(
    quality.BAD, 2**32 - 1
)
times = st.integers(1, LATEST_TICKS - 1)
samples = st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), statuses, times, times), min_size=1)
kinds = st.sampled_from(sorted(WIDTHS))
masks = st.sampled_from([0, SOURCE, SERVER, SOURCE | SERVER])
HANDLE_BYTES = 4
Samples = list[tuple[int, int, int, int, int]]


def value_of(kind: int, bits: int) -> Any:
    """Return what the low bytes of a value mean."""
    (value,) = struct.unpack("<" + FORMATS[kind], bits.to_bytes(8, "little")[: WIDTHS[kind]])
    return FileTime.of(value) if kind == ua.VariantType.DateTime.value else value


def tidy(kind: int, bits: int) -> int:
    """Return bits that are a value of the type: 0 or 1, a time that there is, no signalling NaN."""
    if kind == ua.VariantType.Boolean.value:
        return bits % 2
    if kind == ua.VariantType.DateTime.value:
        return bits % LATEST_TICKS
    return bits % 2**23 if kind in (10, 11) else bits


def by_asyncua(kind: int, mask: int, sample: tuple[int, int, int, int, int]) -> bytes:
    handle, bits, status, source, server = sample
    is_bad = quality.is_bad(status)
    data = ua.DataValue(
        ua.Variant() if is_bad else ua.Variant(value_of(kind, bits), ua.VariantType(kind)),
        ua.StatusCode(ua.UInt32(status)) if status else None,
        FileTime.of(source) if mask & SOURCE else None,
        FileTime.of(server) if mask & SERVER else None,
    )
    return struct_to_binary(ua.MonitoredItemNotification(ua.UInt32(handle), data))


@given(kinds, masks, samples)
def test_records_are_what_asyncua_writes(kind: int, mask: int, samples: Samples) -> None:
    samples = [(handle, tidy(kind, bits), *rest) for handle, bits, *rest in samples]  # type: ignore[misc]
    columns = zip(*samples, strict=True)
    handles, bits, status, source, server = (
        np.array(column, dtype)
        for column, dtype in zip(columns, (np.uint32, np.uint64, np.uint32, np.int64, np.int64), strict=True)
    )
    found = b"".join(encode(kind, mask, handles, bits, status, source, server))
    expected = [by_asyncua(kind, mask, sample) for sample in samples]
    assert found == b"".join(expected)
    alone = b"".join(encode(kind, mask, None, bits, status, source, server))
    assert alone == b"".join(octets[HANDLE_BYTES:] for octets in expected)


@given(kinds, masks, samples)
def test_a_sample_on_its_own_is_the_same(kind: int, mask: int, samples: Samples) -> None:
    for handle, bits, status, source, server in samples:
        bits = tidy(kind, bits)
        own = of_bits(kind, bits, status & ~0x480, source, server).data_value(mask, status & 0x480)
        assert struct.pack("<I", handle) + own == by_asyncua(kind, mask, (handle, bits, status, source, server))
