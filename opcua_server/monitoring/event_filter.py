"""Which events a monitored item gets, and which fields of them (OPC 10000-4 v1.05 §7.22.3, §7.7.3): pure.

Conditions have three values: True, False and null for what is not known, which is passed on by Not, And and Or as
SQL does it. An event passes when the first element is True.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from asyncua import ua
from asyncua.ua.ua_binary import variant_to_binary

from opcua_server.monitoring.conversion import BITS, ORDERED, SIGNED, NotConvertible, as_string, common, converted
from opcua_server.monitoring.event import NULL_VARIANT, Event, Path
from opcua_server.monitoring.like import like
from opcua_server.services import index_range

Value = ua.Variant | None
"""None is null."""
Results = list[Value]


class Operand(Protocol):
    """What an operator works on."""

    def value(self, event: Event, results: Results) -> Value:
        """Return what it resolves to; `results` are those of the elements that come before."""


@dataclass(frozen=True, slots=True)
class Literal:
    """LiteralOperand."""

    literal: Value

    def value(self, event: Event, results: Results) -> Value:
        """Return the literal."""
        del event, results
        return self.literal


@dataclass(frozen=True, slots=True)
class ElementResult:
    """ElementOperand."""

    index: int

    def value(self, event: Event, results: Results) -> Value:
        """Return the result of the element."""
        del event
        return results[self.index]


@dataclass(frozen=True, slots=True)
class Attribute:
    """SimpleAttributeOperand: a field of events of one type and its subtypes."""

    type: ua.NodeId
    path: Path
    index_range: str = ""

    def value(self, event: Event, results: Results) -> Value:
        """Return the field; null where events of that type have none."""
        del results
        found = event.fields.get(self.path) if self.type in event.types else None
        if found is None or found.Value is None:
            return None
        return index_range.cut(ua.DataValue(found), self.index_range).Value if self.index_range else found

    def encoded(self, event: Event) -> bytes:
        """Return the field as a Variant on the wire."""
        if self.type not in event.types:
            return NULL_VARIANT
        if not self.index_range:
            return event.encoded(self.path)
        value = self.value(event, [])
        return variant_to_binary(value) if value is not None else NULL_VARIANT


@dataclass(frozen=True, slots=True)
class Element:
    """ContentFilterElement."""

    operator: int
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What was agreed for an item."""

    selects: tuple[Attribute | None, ...]
    """The fields; None for a clause that was refused, whose field is always null."""
    select_codes: tuple[int, ...] = ()
    """The StatusCode of each clause."""
    where: tuple[Element, ...] = ()
    order: tuple[int, ...] = ()
    """In which the elements that lead to the first are evaluated: each after those that it works on."""

    def passes(self, event: Event) -> bool:
        """Tell whether an event is to be reported."""
        if not self.where:
            return True
        results: Results = [None] * len(self.where)
        for index in self.order:
            element = self.where[index]
            values = [operand.value(event, results) for operand in element.operands]
            results[index] = OPERATORS[element.operator](values, event)
        return _boolean(results[0]) is True

    def fields(self, event: Event) -> bytes:
        """Return the fields as an array of Variants on the wire."""
        parts = [select.encoded(event) if select is not None else NULL_VARIANT for select in self.selects]
        return len(parts).to_bytes(4, "little") + b"".join(parts)


Operator = Callable[[Sequence[Value], Event], Value]


def _variant(truth: bool | None) -> Value:
    return None if truth is None else ua.Variant(truth, ua.VariantType.Boolean)


def _boolean(value: Value) -> bool | None:
    if value is None or value.is_array or value.VariantType is not ua.VariantType.Boolean:
        return None
    return bool(value.Value)


def _equal(first: Value, second: Value) -> bool | None:
    if first is None or second is None:
        return None
    if first.is_array or second.is_array:
        return first.VariantType is second.VariantType and bool((first.Value or []) == (second.Value or []))
    try:
        _, left, right = common(first, second)
    except NotConvertible:
        return False
    return bool(left == right)


def _below(first: Value, second: Value, *, or_equal: bool) -> bool | None:
    if first is None or second is None:
        return None
    if first.is_array or second.is_array:
        return False
    try:
        vtype, left, right = common(first, second)
    except NotConvertible:
        return False
    if vtype not in ORDERED:
        return False
    return bool(left <= right if or_equal else left < right)


def _both(first: bool | None, second: bool | None) -> bool | None:
    if first is False or second is False:
        return False
    return None if first is None or second is None else True


def _either(first: bool | None, second: bool | None) -> bool | None:
    if first is True or second is True:
        return True
    return None if first is None or second is None else False


def _opposite(truth: bool | None) -> bool | None:
    return None if truth is None else not truth


def _like(text: Value, pattern: Value) -> bool:
    found, wanted = as_string(text), as_string(pattern)
    return found is not None and wanted is not None and like(found, wanted)


def _in_list(value: Value, listed: Sequence[Value]) -> bool | None:
    found: bool | None = False
    for each in listed:
        found = _either(found, _equal(value, each))
    return found


def _cast(value: Value, data_type: Value) -> Value:
    if value is None or data_type is None or value.is_array or not isinstance(data_type.Value, ua.NodeId):
        return None
    number = data_type.Value.Identifier
    if data_type.Value.NamespaceIndex or not isinstance(number, int) or not 1 <= number <= ua.VariantType.Variant:
        return None
    target = ua.VariantType(number)
    try:
        cast = converted(value, target)
    except NotConvertible:
        return None
    return ua.Variant(ua.StatusCode(cast) if target is ua.VariantType.StatusCode else cast, target)


def _is_of_type(event: Event, wanted: Value) -> bool:
    return wanted is not None and isinstance(wanted.Value, ua.NodeId) and wanted.Value in event.types


def _bitwise(first: Value, second: Value, work: Callable[[int, int], int]) -> Value:
    """Return an integer as wide as the wider of the two, both taken as such."""
    if first is None or second is None or first.is_array or second.is_array:
        return None
    if first.VariantType not in BITS or second.VariantType not in BITS:
        return None
    kind = max(first.VariantType, second.VariantType, key=lambda vtype: BITS[vtype])
    bits = BITS[kind]
    result = work(int(first.Value), int(second.Value)) & (1 << bits) - 1
    if kind in SIGNED and result >> bits - 1:
        result -= 1 << bits
    return ua.Variant(result, kind)


_F = ua.FilterOperator
OPERATORS: dict[int, Operator] = {
    _F.Equals: lambda of, _: _variant(_equal(of[0], of[1])),
    _F.IsNull: lambda of, _: _variant(of[0] is None),
    _F.GreaterThan: lambda of, _: _variant(_below(of[1], of[0], or_equal=False)),
    _F.LessThan: lambda of, _: _variant(_below(of[0], of[1], or_equal=False)),
    _F.GreaterThanOrEqual: lambda of, _: _variant(_below(of[1], of[0], or_equal=True)),
    _F.LessThanOrEqual: lambda of, _: _variant(_below(of[0], of[1], or_equal=True)),
    _F.Like: lambda of, _: _variant(_like(of[0], of[1])),
    _F.Not: lambda of, _: _variant(_opposite(_boolean(of[0]))),
    _F.Between: lambda of, _: _variant(_both(_below(of[1], of[0], or_equal=True), _below(of[0], of[2], or_equal=True))),
    _F.InList: lambda of, _: _variant(_in_list(of[0], of[1:])),
    _F.And: lambda of, _: _variant(_both(_boolean(of[0]), _boolean(of[1]))),
    _F.Or: lambda of, _: _variant(_either(_boolean(of[0]), _boolean(of[1]))),
    _F.Cast: lambda of, _: _cast(of[0], of[1]),
    _F.OfType: lambda of, event: _variant(_is_of_type(event, of[0])),
    _F.BitwiseAnd: lambda of, _: _bitwise(of[0], of[1], lambda first, second: first & second),
    _F.BitwiseOr: lambda of, _: _bitwise(of[0], of[1], lambda first, second: first | second),
}
"""InView and RelatedTo are for queries only."""
OPERAND_COUNTS: dict[int, int] = {_F.IsNull: 1, _F.Not: 1, _F.OfType: 1, _F.Between: 3}
"""All others have two; InList has two at least."""
