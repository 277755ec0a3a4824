"""Which node of a server a name stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from asyncua import ua

from plant.names import NAMESPACE_URI
from runtime.errors import BadInput, LinkLost
from runtime.settings import NodeSettings


class Nodes(Protocol):
    """Names of a server's Variables."""

    def node_id(self, name: str) -> ua.NodeId:
        """Return the NodeId of a name."""
        ...


class PlantNodes:
    """Those of a plant of ours: the name is the identifier."""

    def __init__(self, namespace: int) -> None:
        self._namespace = ua.Int16(namespace)

    def node_id(self, name: str) -> ua.NodeId:
        """Return the NodeId of a name such as `R101.T`."""
        return ua.NodeId(ua.String(name), self._namespace)


class ListedNodes:
    """Those of any server, by a list."""

    def __init__(self, nodes: Mapping[str, ua.NodeId], unknown: Mapping[str, str]) -> None:
        self._nodes = nodes
        self.unknown = unknown
        """Names that stand for no NodeId of this server, and why."""
        self.names = list(nodes)

    def node_id(self, name: str) -> ua.NodeId:
        """Return the NodeId that a name stands for.

        Raises:
            BadInput: saying why there is none.
        """
        if name in self.unknown:
            raise BadInput(self.unknown[name])
        return self._nodes[name]


OnMissing = Callable[[str, str], None]
"""Told which name's node is not there, or cannot be used, and a sentence that says so."""


def require(name: str, why: str) -> None:
    """Take what is missing for a mistake in the settings.

    Raises:
        BadInput: saying why.
    """
    raise BadInput(why)


def try_again(name: str, why: str) -> None:
    """Take what a server has no room for to be had over another connection.

    Raises:
        LinkLost: saying why.
    """
    raise LinkLost(why)


FindNodes = Callable[[Sequence[str], str], Nodes]
"""By the server's namespaces, and where it is."""


def plant_nodes(namespaces: Sequence[str], where: str) -> PlantNodes:
    """Find the plant's namespace.

    Raises:
        BadInput: naming a server that is none of ours.
    """
    if NAMESPACE_URI not in namespaces:
        message = f"{where}: no namespace {NAMESPACE_URI}: this is no cstr-gateway server"
        raise BadInput(message)
    return PlantNodes(namespaces.index(NAMESPACE_URI))


def nodes_to_find(nodes: Sequence[NodeSettings]) -> FindNodes:
    """Return what finds the nodes of `historian.nodes`, or where none are listed those of a plant of ours."""
    return listed({node.name: node.node for node in nodes}) if nodes else plant_nodes


def listed(nodes: Mapping[str, str]) -> FindNodes:
    """Return what finds nodes by texts such as `ns=1;s=Tank.Level` or `nsu=urn:vendor;i=7`."""

    def find(namespaces: Sequence[str], where: str) -> ListedNodes:
        found: dict[str, ua.NodeId] = {}
        unknown: dict[str, str] = {}
        for name, text in nodes.items():
            try:
                found[name] = _node_id(text, namespaces, where)
            except BadInput as error:
                unknown[name] = f"{name}: {error}"
        return ListedNodes(found, unknown)

    return find


def _node_id(text: str, namespaces: Sequence[str], where: str) -> ua.NodeId:
    uri, identifier = "", text
    if text.startswith("nsu="):
        uri, _, identifier = text.removeprefix("nsu=").rpartition(";")
        if uri not in namespaces:
            message = f"{where}: no namespace {uri}; it has {', '.join(namespaces)}"
            raise BadInput(message)
        identifier = f"ns={namespaces.index(uri)};{identifier}"
    try:
        return ua.NodeId.from_string(identifier)
    except (ua.UaError, ValueError) as error:
        message = f"node {text!r}: allowed is a NodeId such as ns=1;s=Tank.Level or nsu=urn:vendor;i=7"
        raise BadInput(message) from error
