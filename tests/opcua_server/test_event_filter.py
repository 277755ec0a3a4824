"""EventFilters: each operator, conversions, three-valued logic, and what is refused."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.server.address_space import AddressSpace

from opcua_server.events import Events
from opcua_server.limits import ServerLimits
from opcua_server.monitoring.event import Event
from opcua_server.monitoring.event_filter import OPERATORS, EventFilter
from opcua_server.monitoring.like import like
from opcua_server.services import event_filters
from opcua_server.wire import enumerations

from .conftest import templated_space

F, V, IDS = ua.FilterOperator, ua.VariantType, ua.ObjectIds
NULL = None
SERVER = ua.NodeId(IDS.Server)


@pytest.fixture(scope="module")
def space(data: Path) -> AddressSpace:
    enumerations.admit_unknown()
    return templated_space(data, ["R101"])


@pytest.fixture(scope="module")
def events(space: AddressSpace) -> Events:
    return Events(space)


@pytest.fixture(scope="module")
def event(events: Events) -> Event:
    """A session's audit event."""
    fields = {"Status": ua.Variant(True, V.Boolean), "ClientUserId": ua.Variant("anna", V.String)}
    kind = ua.NodeId(IDS.AuditCreateSessionEventType)
    return events.make(kind, SERVER, "Session/CreateSession", "hello", 300, fields)


def field(*names: str, kind: int = IDS.BaseEventType, index_range: str | None = None) -> ua.SimpleAttributeOperand:
    return ua.SimpleAttributeOperand(
        ua.NodeId(kind), [ua.QualifiedName(name, 0) for name in names], ua.AttributeIds.Value, index_range
    )


def literal(value: Any, kind: ua.VariantType | None = None) -> ua.LiteralOperand:
    return ua.LiteralOperand(value if isinstance(value, ua.Variant) else ua.Variant(value, kind))


def element(operator: int, *operands: Any) -> ua.ContentFilterElement:
    return ua.ContentFilterElement(operator, list(operands))


def result_of(index: int) -> ua.ElementOperand:
    return ua.ElementOperand(index)


def event_filter(*where: ua.ContentFilterElement, selects: Any = None) -> ua.EventFilter:
    return ua.EventFilter(selects or [field("Message")], ua.ContentFilter(list(where)))


Agree = Callable[..., EventFilter]


@pytest.fixture(scope="module")
def agree(events: Events) -> Agree:
    def agreed(*where: ua.ContentFilterElement) -> EventFilter:
        found, result = event_filters.agree(event_filter(*where), events.types, ServerLimits())
        assert found is not None, result
        return found

    return agreed


def evaluate(event: Event, operator: int, *values: Any) -> Any:
    """Return what an operator makes of Variants, or Python values: None for null."""
    variants = [value if isinstance(value, ua.Variant) or value is None else ua.Variant(value) for value in values]
    result = OPERATORS[operator](variants, event)
    return None if result is None else result.Value


KLEENE = (True, False, None)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(KLEENE, KLEENE)))
def test_and_or_pass_on_what_is_not_known(event: Event, first: bool | None, second: bool | None) -> None:
    both = False if first is False or second is False else None if None in (first, second) else True
    either = True if first is True or second is True else None if None in (first, second) else False
    assert evaluate(event, F.And, first, second) is both
    assert evaluate(event, F.Or, first, second) is either


def test_not(event: Event) -> None:
    assert [evaluate(event, F.Not, value) for value in (True, False, None, "text")] == [False, True, None, None]


@pytest.mark.parametrize(
    ("first", "second", "equal", "below"),
    [
        (ua.Variant(5, V.UInt16), ua.Variant(5.0, V.Double), True, False),
        (ua.Variant(5, V.Byte), ua.Variant(6, V.Int64), False, True),
        (ua.Variant(-1, V.Int16), ua.Variant(5, V.UInt64), False, False),  # -1 is no UInt64
        (ua.Variant("5", V.String), ua.Variant(5, V.Int32), True, False),
        (ua.Variant("five", V.String), ua.Variant(5, V.Int32), False, False),
        (ua.Variant("TRUE", V.String), ua.Variant(True, V.Boolean), True, False),
        (ua.Variant(True, V.Boolean), ua.Variant(1, V.Int32), True, False),
        (ua.Variant("a", V.String), ua.Variant("b", V.String), False, False),  # a String has no order
        (ua.Variant("a", V.String), ua.Variant(ua.LocalizedText("a"), V.LocalizedText), True, False),
        (ua.Variant(ua.NodeId(2253), V.NodeId), ua.Variant("i=2253", V.String), True, False),
        (ua.Variant(datetime(2026, 1, 1), V.DateTime), ua.Variant(datetime(2026, 1, 2), V.DateTime), False, True),
        (ua.Variant(datetime(2026, 1, 1), V.DateTime), ua.Variant(5, V.Int32), False, False),
        (ua.Variant(float("nan"), V.Double), ua.Variant(float("nan"), V.Double), False, False),
        (ua.Variant(ua.StatusCode(7), V.StatusCode), ua.Variant(7, V.UInt32), True, None),
        (NULL, ua.Variant(5, V.Int32), None, None),
    ],
)
def test_comparisons_convert_to_the_type_that_comes_first(
    event: Event, first: Any, second: Any, equal: bool | None, below: bool | None
) -> None:
    assert evaluate(event, F.Equals, first, second) is equal
    assert evaluate(event, F.Equals, second, first) is equal
    if below is not None:
        assert evaluate(event, F.LessThan, first, second) is below
        assert evaluate(event, F.GreaterThan, second, first) is below
        assert evaluate(event, F.LessThanOrEqual, first, second) is (below or (equal and is_ordered(first, second)))


def is_ordered(*variants: ua.Variant) -> bool:
    return any(2 <= variant.VariantType.value <= 11 for variant in variants)


def test_greater_than_or_equal(event: Event) -> None:
    assert [evaluate(event, F.GreaterThanOrEqual, 5, value) for value in (4, 5, 6, None)] == [True, True, False, None]


def test_null(event: Event) -> None:
    assert evaluate(event, F.IsNull, None) is True
    assert evaluate(event, F.IsNull, 0) is False


def test_between_takes_both_ends(event: Event) -> None:
    assert [evaluate(event, F.Between, value, 2, 4.0) for value in (1, 2, 3, 4, 5)] == [False, True, True, True, False]
    assert evaluate(event, F.Between, 1, None, 0) is False
    assert evaluate(event, F.Between, 1, None, 4) is None


def test_in_list(event: Event) -> None:
    assert evaluate(event, F.InList, 3, 1, "3") is True
    assert evaluate(event, F.InList, 3, 1, 2) is False
    assert evaluate(event, F.InList, 3, 1, None) is None


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("Main street", "main%", False),
        ("Main street", "Main%", True),
        ("Main street", "%street", True),
        ("Main street", "M%n%s%t", True),
        ("Main", "M__n", True),
        ("Main", "M_n", False),
        ("a%b", r"a\%b", True),
        ("axb", r"a\%b", False),
        ("axb", "a[xyz]b", True),
        ("axb", "a[^xyz]b", False),
        ("adb", "a[c-e]b", True),
        ("afb", "a[e-c]b", False),
        ("a]b", "a[]]b", True),
        ("a[b", "a[b", True),
        ("a.b", "a.b", True),
        ("axb", "a.b", False),
        ("a\nb", "a%b", True),
        ("", "%", True),
        ("", "", True),
        ("a", "", False),
        ("a^", "a[^]", True),
    ],
)
def test_like(text: str, pattern: str, expected: bool) -> None:
    assert like(text, pattern) is expected


def test_like_takes_no_time_for_what_would_be_tried_again_and_again() -> None:
    began = time.perf_counter()
    assert not like("a" * 1_000, "%a" * 300 + "b")
    assert time.perf_counter() - began < 0.5


def test_like_is_for_texts(event: Event) -> None:
    assert evaluate(event, F.Like, ua.Variant(ua.LocalizedText("abc"), V.LocalizedText), "a%") is True
    assert evaluate(event, F.Like, 5, "5") is False
    assert evaluate(event, F.Like, None, "%") is False


@pytest.mark.parametrize(
    ("value", "target", "expected"),
    [
        (ua.Variant(2.6, V.Double), IDS.Int32, 3),
        (ua.Variant(300, V.Int32), IDS.Byte, None),
        (ua.Variant(-1, V.Int32), IDS.UInt32, None),
        (ua.Variant(float("nan"), V.Double), IDS.Int32, None),
        (ua.Variant(5, V.Int32), IDS.Boolean, True),
        (ua.Variant(5, V.Int32), IDS.String, "5"),
        (ua.Variant(True, V.Boolean), IDS.String, "true"),
        (ua.Variant("0", V.String), IDS.Boolean, False),
        (ua.Variant("maybe", V.String), IDS.Boolean, None),
        (ua.Variant("12.5", V.String), IDS.Double, 12.5),
        (ua.Variant("2026-01-01T00:00:00Z", V.String), IDS.DateTime, datetime(2026, 1, 1)),
        (ua.Variant("i=85", V.String), IDS.NodeId, ua.NodeId(85)),
        (ua.Variant("anna", V.String), IDS.LocalizedText, ua.LocalizedText("anna")),
        (ua.Variant("00000000-0000-0000-0000-000000000001", V.String), IDS.Guid, uuid.UUID(int=1)),
        (ua.Variant(uuid.UUID(int=1), V.Guid), IDS.ByteString, uuid.UUID(int=1).bytes_le),
        (ua.Variant(b"abc", V.ByteString), IDS.Int32, None),
        (ua.Variant(1, V.Int32), IDS.BaseEventType, None),
        (ua.Variant(1e300, V.Double), IDS.Float, None),
        (NULL, IDS.String, None),
    ],
)
def test_cast(event: Event, value: ua.Variant | None, target: int, expected: Any) -> None:
    assert evaluate(event, F.Cast, value, ua.Variant(ua.NodeId(target), V.NodeId)) == expected


def test_a_cast_to_what_is_no_data_type_is_null(event: Event) -> None:
    assert evaluate(event, F.Cast, 5, 6) is None


def test_bits(event: Event) -> None:
    assert evaluate(event, F.BitwiseAnd, ua.Variant(6, V.Byte), ua.Variant(3, V.Int64)) == 2
    assert evaluate(event, F.BitwiseOr, ua.Variant(6, V.Byte), ua.Variant(1, V.Byte)) == 7
    assert evaluate(event, F.BitwiseAnd, ua.Variant(-1, V.Int16), ua.Variant(2**32 - 1, V.UInt32)) == 2**32 - 1
    assert evaluate(event, F.BitwiseOr, ua.Variant(-1, V.Int16), ua.Variant(0, V.Byte)) == -1
    assert evaluate(event, F.BitwiseAnd, 1.0, 1) is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (IDS.AuditCreateSessionEventType, True),
        (IDS.AuditSessionEventType, True),
        (IDS.AuditEventType, True),
        (IDS.BaseEventType, True),
        (IDS.AuditUpdateEventType, False),
        (IDS.AuditUrlMismatchEventType, False),
        (IDS.Server, False),
    ],
)
def test_of_type_knows_subtypes(event: Event, kind: int, expected: bool) -> None:
    assert evaluate(event, F.OfType, ua.Variant(ua.NodeId(kind), V.NodeId)) is expected


def test_a_filter_is_a_tree_from_its_first_element(agree: Agree, event: Event) -> None:
    of_type = element(F.OfType, literal(ua.NodeId(IDS.AuditEventType), V.NodeId))
    severe = element(F.GreaterThan, field("Severity"), literal(200, V.Int32))
    by_anna = element(F.Equals, field("ClientUserId", kind=IDS.AuditEventType), literal("anna", V.String))
    assert agree(element(F.And, result_of(1), result_of(2)), of_type, severe).passes(event)
    assert not agree(element(F.And, result_of(1), result_of(2)), of_type, element(F.Not, result_of(3)), severe).passes(
        event
    )
    assert agree(element(F.Or, result_of(2), result_of(1)), by_anna, element(F.IsNull, field("Message"))).passes(event)
    assert agree().passes(event)
    assert not agree(element(F.Cast, field("Severity"), literal(ua.NodeId(IDS.Int32), V.NodeId))).passes(event)


def test_a_field_of_another_type_is_null(agree: Agree, event: Event) -> None:
    other = field("AttributeId", kind=IDS.AuditWriteUpdateEventType)
    assert agree(element(F.IsNull, other)).passes(event)
    assert not agree(element(F.Not, result_of(1)), element(F.Equals, other, literal(1))).passes(event)


def test_an_element_used_twice_is_evaluated_once(agree: Agree, event: Event) -> None:
    """A chain of elements that each use the next one twice has 2^200 paths."""
    chain = [element(F.And, result_of(place + 1), result_of(place + 1)) for place in range(200)]
    began = time.perf_counter()
    assert agree(*chain, element(F.IsNull, literal(None))).passes(event)
    assert time.perf_counter() - began < 1.0


def codes(filter_: ua.EventFilter, events: Events) -> list[tuple[str, list[str]]]:
    """Return the refused filter's codes: of each element and its operands."""
    agreed, result = event_filters.agree(filter_, events.types, ServerLimits())
    assert agreed is None
    assert result is not None
    elements = result.WhereClauseResult.ElementResults
    return [(each.StatusCode.name, [code.name for code in each.OperandStatusCodes]) for each in elements]


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ([element(F.Equals, literal(1))], ("BadFilterOperandCountMismatch", ["Good"])),
        ([element(F.Not, literal(True), literal(True))], ("BadFilterOperandCountMismatch", ["Good", "Good"])),
        ([element(F.InList, literal(1))], ("BadFilterOperandCountMismatch", ["Good"])),
        ([element(F.InView, literal(1))], ("BadFilterOperatorUnsupported", ["Good"])),
        ([element(F.RelatedTo, *[literal(1)] * 6)], ("BadFilterOperatorUnsupported", ["Good"] * 6)),
        ([element(99, literal(1))], ("BadFilterOperatorInvalid", ["Good"])),
        ([element(F.Not, result_of(7))], ("BadFilterOperandInvalid", ["BadFilterOperandInvalid"])),
        ([element(F.Not, ua.AttributeOperand())], ("BadFilterOperandInvalid", ["BadFilterOperandInvalid"])),
        ([element(F.IsNull, field("Nonsense"))], ("BadFilterOperandInvalid", ["BadNodeIdUnknown"])),
        ([element(F.IsNull, literal("x" * 1_001))], ("BadFilterOperandInvalid", ["BadFilterLiteralInvalid"])),
        ([element(F.Not, result_of(0))], ("BadFilterElementInvalid", ["Good"])),
    ],
)
def test_what_is_wrong_with_an_element_is_told(
    events: Events, elements: list[ua.ContentFilterElement], expected: tuple[str, list[str]]
) -> None:
    assert codes(event_filter(*elements), events)[0] == expected


def test_elements_in_a_circle_are_refused(events: Events) -> None:
    circle = [element(F.Not, result_of(1)), element(F.Not, result_of(2)), element(F.Not, result_of(1))]
    assert "BadFilterElementInvalid" in [code for code, _ in codes(event_filter(*circle), events)]


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        (field("Message", kind=IDS.BaseObjectType), "BadTypeDefinitionInvalid"),
        (field("Message", kind=IDS.Server), "BadTypeDefinitionInvalid"),
        (field("Nonsense"), "BadNodeIdUnknown"),
        (field("AttributeId", kind=IDS.AuditEventType), "BadNodeIdUnknown"),
        (field(""), "BadBrowseNameInvalid"),
        (field(), "BadAttributeIdInvalid"),
        (field("Message", index_range="a"), "BadIndexRangeInvalid"),
    ],
)
def test_what_is_wrong_with_a_select_clause_is_told_and_its_field_is_null(
    events: Events, event: Event, clause: ua.SimpleAttributeOperand, expected: str
) -> None:
    agreed, _ = event_filters.agree(event_filter(selects=[clause, field("SourceName")]), events.types, ServerLimits())
    assert agreed is not None
    assert [ua.StatusCode(code).name for code in agreed.select_codes] == [expected, "Good"]
    name = b"Session/CreateSession"
    assert agreed.fields(event) == b"\x02\x00\x00\x00" + b"\x00" + b"\x0c" + len(name).to_bytes(4, "little") + name
    alone, result = event_filters.agree(event_filter(selects=[clause]), events.types, ServerLimits())
    assert alone is None
    assert result is not None
    assert [code.name for code in result.SelectClauseResults] == [expected]


def test_a_field_of_any_event_type_can_be_selected_by_the_base_type(events: Events, event: Event) -> None:
    clauses = [field("Status"), field("EnabledState", "Id"), field("ClientUserId", index_range="1:2")]
    agreed, _ = event_filters.agree(event_filter(selects=clauses), events.types, ServerLimits())
    assert agreed is not None
    assert agreed.select_codes == (0, 0, 0)
    assert agreed.fields(event) == b"\x03\x00\x00\x00" + b"\x01\x01" + b"\x00" + b"\x0c\x02\x00\x00\x00nn"


def test_too_many_clauses_are_refused(events: Events) -> None:
    limits = ServerLimits(max_select_clause_parameters=2, max_where_clause_parameters=3)
    assert event_filters.agree(event_filter(selects=[field("Message")] * 2), events.types, limits)[0] is not None
    assert event_filters.agree(event_filter(selects=[field("Message")] * 3), events.types, limits) == (None, None)
    two = [element(F.Equals, literal(1), literal(1))] * 2
    assert event_filters.agree(event_filter(*two), events.types, limits) == (None, None)


def test_an_event_is_told_at_its_source_and_at_the_server(events: Events, space: AddressSpace) -> None:
    """And at all that have the source for an event source, or a notifier that has it for one."""
    source, below, above = (ua.NodeId(name, 2) for name in ("R101.T", "R101.TIC101", "R101"))
    area, plant = (ua.NodeId(name, 2) for name in ("Plant.Area1", "Plant"))
    assert events.types.notifiers(source) == {source, SERVER}
    assert events.types.notifiers(above) == {above, area, plant, SERVER}
    for target, kind, origin in ((source, IDS.HasEventSource, below), (below, IDS.HasNotifier, above)):
        reference = ua.ReferenceDescription(ua.NodeId(kind), False, origin)
        space[target].references.append(reference)
    try:
        assert events.types.notifiers(source) == {source, below, above, area, plant, SERVER}
    finally:
        for target in (source, below):
            space[target].references.pop()
