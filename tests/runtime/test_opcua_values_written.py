"""What a node's type can hold, and what not; and what then goes over the wire."""

from __future__ import annotations

import pytest
from asyncua import ua

from plant import quality
from runtime.opcua_link.datavalues import misfit, variant
from runtime.opcua_link.filetime import ticks_of

KINDS = ua.VariantType


@pytest.mark.parametrize(
    ("value", "kind", "status"),
    [
        (3.7, KINDS.Int32, quality.BAD_TYPE_MISMATCH),
        (3.0, KINDS.Int32, quality.GOOD),
        (2**31, KINDS.Int32, quality.BAD_OUT_OF_RANGE),
        (-1, KINDS.UInt16, quality.BAD_OUT_OF_RANGE),
        (2**53 + 1, KINDS.Int64, quality.GOOD),
        (2**64 - 1, KINDS.UInt64, quality.GOOD),
        (1.0, KINDS.Boolean, quality.GOOD),
        (2.0, KINDS.Boolean, quality.BAD_TYPE_MISMATCH),
        (7, KINDS.Double, quality.GOOD),
        ("7", KINDS.Double, quality.BAD_TYPE_MISMATCH),
        (7.0, KINDS.String, quality.BAD_TYPE_MISMATCH),
        ("7", KINDS.String, quality.GOOD),
        (5, KINDS.DateTime, quality.GOOD),
        (1.34e17, KINDS.DateTime, quality.GOOD),
        (0.5, KINDS.DateTime, quality.BAD_TYPE_MISMATCH),
        (-1, KINDS.DateTime, quality.BAD_OUT_OF_RANGE),
        (1e39, KINDS.Float, quality.BAD_OUT_OF_RANGE),
        (1e39, KINDS.Double, quality.GOOD),
        *(
            (value, ua.VariantType(number), quality.BAD_TYPE_MISMATCH)
            for value in (7.0, "7")
            for number in range(14, 26)
        ),
    ],
)
def test_what_a_type_can_hold(value: object, kind: ua.VariantType, status: int) -> None:
    assert misfit(value, kind) == status


def test_a_whole_number_is_sent_as_it_is() -> None:
    assert variant(2**53 + 1, KINDS.Int64) == ua.Variant(2**53 + 1, KINDS.Int64)
    assert variant(1.0, KINDS.Boolean).Value is True
    assert ticks_of(variant(1.34e17, KINDS.DateTime).Value) == 134_000_000_000_000_000
