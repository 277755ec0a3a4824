"""The nodes of all reactors, made when asked for from the nodes of one: a model, built like any other reactor.

Whatever tells one reactor from another (names, NodeIds, ISA-5.1 tags) carries its number or one of the next, so the
model has a number that occurs nowhere else, and a node of R101 is the model's with the numbers replaced. What does
not carry it, most of the attributes and type references, is shared by all reactors.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue, NodeData

from opcua_server.nodes import plant_id
from plant.names import NAMESPACE_INDEX, loop_name

_MODEL_NUMBER = 7_000_000_000
MODEL = f"R{_MODEL_NUMBER}"
"""The reactor to build; clients never see it."""
_MODEL_LOOP = loop_name(MODEL)
_MARK = str(_MODEL_NUMBER // 1_000)
_NUMBER = re.compile(rf"{_MARK}\d{{3}}")

MOST_MADE = 5_000
"""Nodes kept for the next who asks, about 1 kB each."""


def use_template(address_space: AddressSpace, reactors: Sequence[str]) -> None:
    """Replace the model in an address space by as many reactors as wanted.

    What is added to a reactor's node afterwards is lost: it belongs to the model.
    """
    address_space._nodes = ReactorNodes(address_space._nodes, reactors)  # type: ignore[assignment]


class ReactorNodes(MutableMapping[ua.NodeId, NodeData]):
    """The nodes of an address space: those that are there, and those that a template can make."""

    def __init__(
        self, nodes: MutableMapping[ua.NodeId, NodeData], reactors: Sequence[str], most_made: int = MOST_MADE
    ) -> None:
        self._numbers = {reactor: int(reactor[1:]) for reactor in reactors}
        self._template = {str(key.Identifier): nodes.pop(key) for key in list(nodes) if _is_marked(key)}
        self._there = nodes
        self._made: OrderedDict[str, NodeData] = OrderedDict()
        self._most_made = most_made
        for key, node in nodes.items():
            if key.NamespaceIndex == NAMESPACE_INDEX:
                node.references = list(_for_each(node.references, self._numbers.values()))

    def __getitem__(self, key: ua.NodeId) -> NodeData:
        if key.NamespaceIndex == NAMESPACE_INDEX:
            path: Any = key.Identifier
            node = self._made.get(path)
            if node is not None:
                self._made.move_to_end(path)
                return node
            if key not in self._there:
                return self._make(key)
        return self._there[key]

    def __contains__(self, key: object) -> bool:
        return key in self._there or (isinstance(key, ua.NodeId) and self._find(key) is not None)

    def __setitem__(self, key: ua.NodeId, node: NodeData) -> None:
        self._there[key] = node

    def __delitem__(self, key: ua.NodeId) -> None:
        del self._there[key]

    def __iter__(self) -> Iterator[ua.NodeId]:
        yield from self._there
        for number in self._numbers.values():
            for path in self._template:
                yield plant_id(_renumbered(path, number))

    def __len__(self) -> int:
        return len(self._there) + len(self._template) * len(self._numbers)

    def _find(self, key: ua.NodeId) -> tuple[NodeData, int] | None:
        """Return the model's node and the number of the reactor that a NodeId asks for."""
        path = key.Identifier
        if key.NamespaceIndex != NAMESPACE_INDEX or not isinstance(path, str):
            return None
        segments = path.split(".")
        reactor = next((segment for segment in segments[:2] if segment in self._numbers), None)
        if reactor is None:
            return None
        names = {reactor: MODEL, loop_name(reactor): _MODEL_LOOP}
        model = self._template.get(".".join(names.get(segment, segment) for segment in segments))
        number = self._numbers[reactor]
        if model is None or _renumbered(model.nodeid.Identifier, number) != path:
            return None
        return model, number

    def _make(self, key: ua.NodeId) -> NodeData:
        found = self._find(key)
        if found is None:
            raise KeyError(key)
        model, number = found
        node = _instance(model, number)
        path = str(key.Identifier)
        self._made[path] = node
        if len(self._made) > self._most_made:
            self._made.popitem(last=False)
        return node


def _instance(model: NodeData, number: int) -> NodeData:
    node = NodeData(_renumbered(model.nodeid, number))
    node.attributes = {name: _attribute(attribute, number) for name, attribute in model.attributes.items()}
    node.references = [_reference(reference, number) for reference in model.references]
    return node


def _attribute(model: AttributeValue, number: int) -> AttributeValue:
    data: Any = model.value
    value = _renumbered(data.Value.Value, number)
    if value is data.Value.Value:
        return model
    attribute = AttributeValue(replace(data, Value=ua.Variant(value, data.Value.VariantType)))
    attribute.datachange_callbacks = model.datachange_callbacks  # of values that never change
    return attribute


def _reference(model: ua.ReferenceDescription, number: int) -> ua.ReferenceDescription:
    if not _is_marked(model.NodeId):
        return model
    return ua.ReferenceDescription(
        model.ReferenceTypeId,
        model.IsForward,
        _renumbered(model.NodeId, number),
        _renumbered(model.BrowseName, number),
        _renumbered(model.DisplayName, number),
        model.NodeClass,
        model.TypeDefinition,
    )


def _for_each(
    references: Iterable[ua.ReferenceDescription], numbers: Iterable[int]
) -> Iterator[ua.ReferenceDescription]:
    """Yield the references, those to the model once for each reactor."""
    for reference in references:
        if _is_marked(reference.NodeId):
            yield from (_reference(reference, number) for number in numbers)
        else:
            yield reference


def _is_marked(key: ua.NodeId) -> bool:
    return isinstance(key.Identifier, str) and _MARK in key.Identifier


def _renumbered(value: Any, number: int) -> Any:
    """Return a value of the model as another reactor has it: itself where it is the same."""
    if isinstance(value, str):
        if _MARK in value:
            return _NUMBER.sub(lambda match: str(int(match[0]) - _MODEL_NUMBER + number), value)
    elif isinstance(value, ua.NodeId):
        if _is_marked(value):
            return plant_id(_renumbered(value.Identifier, number))
    elif isinstance(value, ua.QualifiedName):
        if _MARK in value.Name:
            return ua.QualifiedName(_renumbered(value.Name, number), value.NamespaceIndex)
    elif isinstance(value, ua.LocalizedText) and _MARK in (value.Text or ""):
        return ua.LocalizedText(_renumbered(value.Text, number), value.Locale)
    return value
