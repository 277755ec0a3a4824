"""NumericRange (OPC 10000-4 v1.05 §7.27)."""

from __future__ import annotations

import pytest
from asyncua import ua

from opcua_server.services import index_range


def cut(value: object, vtype: ua.VariantType, text: str) -> object:
    """Return the part, or the name of the status."""
    data = index_range.cut(ua.DataValue(ua.Variant(value, vtype)), text)
    assert data.StatusCode is not None
    if not data.StatusCode.is_good():
        assert data.Value is None or data.Value.Value is None
        return data.StatusCode.name
    assert data.Value is not None
    return data.Value.Value


@pytest.mark.parametrize(
    ("text", "ranges"), [("0", [(0, 0)]), ("1:2", [(1, 2)]), ("0:1,3", [(0, 1), (3, 3)]), ("007", [(7, 7)])]
)
def test_ranges_are_first_and_last_of_each_dimension(text: str, ranges: list[tuple[int, int]]) -> None:
    assert index_range.parse(text) == ranges


@pytest.mark.parametrize(
    "text",
    ["", ",", "1,", "a", "-1", "1:", ":1", "2:1", "1:1", "1:2:3", " 1", "1\n", "\N{ARABIC-INDIC DIGIT ONE}", "9" * 11],
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ua.uaerrors.BadIndexRangeInvalid):
        index_range.parse(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [("0", [1.0]), ("1:2", [2.0, 3.0]), ("2:9", [3.0]), ("3", "BadIndexRangeNoData"), ("0,0", "BadIndexRangeNoData")],
)
def test_parts_of_an_array(text: str, part: object) -> None:
    assert cut([1.0, 2.0, 3.0], ua.VariantType.Double, text) == part


@pytest.mark.parametrize(("text", "part"), [("0", "p"), ("1:3", "lan"), ("4:9", "t"), ("5", "BadIndexRangeNoData")])
def test_parts_of_a_text(text: str, part: object) -> None:
    assert cut("plant", ua.VariantType.String, text) == part


def test_parts_of_texts_in_an_array() -> None:
    assert cut(["red", "green"], ua.VariantType.String, "0:1,0:1") == ["re", "gr"]


def test_a_number_has_no_parts() -> None:
    assert cut(1.0, ua.VariantType.Double, "0") == "BadIndexRangeNoData"


def test_nothing_has_nothing_to_cut() -> None:
    data = ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(ua.StatusCodes.BadWaitingForInitialData)))
    assert index_range.cut(data, "0") is data
