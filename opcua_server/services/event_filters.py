"""What is agreed on for an EventFilter: each clause gets its StatusCode (OPC 10000-4 v1.05 §7.22.3, §7.7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from asyncua import ua

from opcua_server.event_types import EventTypes
from opcua_server.limits import ServerLimits
from opcua_server.monitoring.event import NODE_ID, path_of
from opcua_server.monitoring.event_filter import (
    OPERAND_COUNTS,
    OPERATORS,
    Attribute,
    Element,
    ElementResult,
    EventFilter,
    Literal,
    Operand,
)
from opcua_server.monitoring.spec import Spec
from opcua_server.nodes import standard_id
from opcua_server.services import index_range
from opcua_server.status import status_code
from plant import quality

LONGEST_LITERAL = 1_000
"""Characters, or bytes, or elements: a filter is evaluated for every event."""
_IDS = {
    standard_id(kind): kind
    for kind in (
        ua.ObjectIds.SimpleAttributeOperand,
        ua.ObjectIds.AttributeOperand,
        ua.ObjectIds.LiteralOperand,
        ua.ObjectIds.ElementOperand,
    )
}


class ClauseRefused(Exception):  # noqa: N818
    """A clause or an operand that cannot be."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def agree(
    wanted: Any, types: EventTypes, limits: ServerLimits
) -> tuple[EventFilter | None, ua.EventFilterResult | None]:
    """Return the filter, or None and what is wrong with it; a wrong select clause is a field that is always null."""
    selects, elements = wanted.SelectClauses or (), wanted.WhereClause.Elements or ()
    parameters = sum(max(1, len(element.FilterOperands or ())) for element in elements)
    if len(selects) > limits.max_select_clause_parameters or parameters > limits.max_where_clause_parameters:
        return None, None
    attributes, codes = _selected(selects, types)
    where = [_element(element, len(elements), types) for element in elements]
    results = [result for _, result in where]
    order = _order([element for element, _ in where], results)
    is_good = all(result.StatusCode.is_good() for result in results)
    if not any(attributes) or not is_good:
        return None, _result(codes, results)
    elements_ = tuple(element for element, _ in where)
    return EventFilter(tuple(attributes), tuple(codes), elements_, tuple(order)), None


def filter_result(spec: Spec) -> ua.EventFilterResult | None:
    """Return what is told of an agreed filter; None where no clause was refused."""
    agreed = spec.event_filter
    if agreed is None or not any(agreed.select_codes):
        return None
    return _result(agreed.select_codes, [ua.ContentFilterElementResult() for _ in agreed.where])


def _result(codes: Sequence[int], results: list[ua.ContentFilterElementResult]) -> ua.EventFilterResult:
    return ua.EventFilterResult(
        SelectClauseResults=[status_code(code) for code in codes],
        WhereClauseResult=ua.ContentFilterResult(ElementResults=results),
    )


def _selected(clauses: Sequence[Any], types: EventTypes) -> tuple[list[Attribute | None], list[int]]:
    attributes: list[Attribute | None] = []
    codes: list[int] = []
    for clause in clauses:
        try:
            attributes.append(_attribute(clause, types))
            codes.append(quality.GOOD)
        except ClauseRefused as refused:
            attributes.append(None)
            codes.append(refused.code)
    return attributes, codes


def _attribute(operand: Any, types: EventTypes) -> Attribute:
    type_id, names = operand.TypeDefinitionId, operand.BrowsePath or ()
    if not types.is_event_type(type_id):
        raise ClauseRefused(ua.StatusCodes.BadTypeDefinitionInvalid)
    if not names:
        if operand.AttributeId != ua.AttributeIds.NodeId:
            raise ClauseRefused(ua.StatusCodes.BadAttributeIdInvalid)
        return Attribute(type_id, NODE_ID)
    if any(not name.Name for name in names):
        raise ClauseRefused(ua.StatusCodes.BadBrowseNameInvalid)
    path = path_of(*names)
    declared = types.declares(type_id, path)
    if declared is None:
        raise ClauseRefused(ua.StatusCodes.BadNodeIdUnknown)
    if declared is not ua.NodeClass.Variable or operand.AttributeId != ua.AttributeIds.Value:
        raise ClauseRefused(ua.StatusCodes.BadAttributeIdInvalid)
    text = operand.IndexRange or ""
    try:
        if text:
            index_range.parse(text)
    except ua.uaerrors.BadIndexRangeInvalid as error:
        raise ClauseRefused(error.code) from None
    return Attribute(type_id, path, text)


def _element(wanted: Any, count: int, types: EventTypes) -> tuple[Element, ua.ContentFilterElementResult]:
    operator, given = int(wanted.FilterOperator), wanted.FilterOperands or ()
    operands: list[Operand] = []
    codes: list[int] = []
    for operand in given:
        try:
            operands.append(_operand(operand, count, types))
            codes.append(quality.GOOD)
        except ClauseRefused as refused:
            codes.append(refused.code)
    code: int = _operator_code(operator, len(given))
    if not code and len(operands) < len(given):
        code = ua.StatusCodes.BadFilterOperandInvalid
    result = ua.ContentFilterElementResult(status_code(code), [status_code(each) for each in codes])
    return Element(operator, tuple(operands)), result


def _operator_code(operator: int, count: int) -> int:
    if operator in (ua.FilterOperator.InView, ua.FilterOperator.RelatedTo):
        return ua.StatusCodes.BadFilterOperatorUnsupported
    if operator not in OPERATORS:
        return ua.StatusCodes.BadFilterOperatorInvalid
    is_list = operator == ua.FilterOperator.InList
    wanted = OPERAND_COUNTS.get(operator, 2)
    if count < wanted or (count > wanted and not is_list):
        return ua.StatusCodes.BadFilterOperandCountMismatch
    return quality.GOOD


def _operand(operand: Any, count: int, types: EventTypes) -> Operand:
    data_type: Any = getattr(operand, "data_type", None)
    kind = _IDS.get(data_type)
    if kind == ua.ObjectIds.SimpleAttributeOperand:
        return _attribute(operand, types)
    if kind == ua.ObjectIds.ElementOperand:
        if operand.Index >= count:
            raise ClauseRefused(ua.StatusCodes.BadFilterOperandInvalid)
        return ElementResult(operand.Index)
    if kind == ua.ObjectIds.LiteralOperand:
        value = operand.Value
        if hasattr(value.Value, "__len__") and len(value.Value) > LONGEST_LITERAL:
            raise ClauseRefused(ua.StatusCodes.BadFilterLiteralInvalid)
        return Literal(value if value.Value is not None else None)
    raise ClauseRefused(ua.StatusCodes.BadFilterOperandInvalid)


def _order(elements: Sequence[Element], results: list[ua.ContentFilterElementResult]) -> list[int]:
    """Return the elements that lead to the first, each after those it works on; mark the one that closes a loop."""
    order: list[int] = []
    state: dict[int, bool] = {}
    """True of an element that is in the order, False of one that is waited for."""
    waiting = [0] if elements else []
    while waiting:
        index = waiting[-1]
        if state.get(index) is None:
            state[index] = False
            below = list(_below(elements[index]))
            if any(state.get(each) is False for each in below):
                results[index].StatusCode = status_code(ua.StatusCodes.BadFilterElementInvalid)
                return []
            waiting += [each for each in below if each not in state]
        else:
            waiting.pop()
            if not state[index]:
                state[index] = True
                order.append(index)
    return order


def _below(element: Element) -> Iterator[int]:
    return (operand.index for operand in element.operands if isinstance(operand, ElementResult))
