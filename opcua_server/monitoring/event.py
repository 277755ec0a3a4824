"""An event: its type, where it is told, and its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from asyncua import ua
from asyncua.ua.ua_binary import variant_to_binary

Path = tuple[str, ...]
"""BrowseNames below the event: `("EnabledState", "Id")`; a name of another namespace than 0 is `2:Name`."""
NODE_ID: Path = ()
"""In place of a path: the NodeId of the event itself, which Conditions have."""
NULL_VARIANT = b"\x00"


def path_of(*names: ua.QualifiedName) -> Path:
    """Return the path of BrowseNames."""
    return tuple(f"{name.NamespaceIndex}:{name.Name}" if name.NamespaceIndex else str(name.Name) for name in names)


@dataclass(slots=True)
class Event:
    """One event; what is encoded once is shared by all who monitor it."""

    type: ua.NodeId
    types: frozenset[ua.NodeId]
    """The type, and all that it is a subtype of."""
    source: ua.NodeId
    notifiers: frozenset[ua.NodeId]
    """The nodes whose monitored items get it."""
    fields: Mapping[Path, ua.Variant]
    _encoded: dict[Path, bytes] = field(default_factory=dict)

    def encoded(self, path: Path) -> bytes:
        """Return a field as a Variant on the wire; null where there is none."""
        found = self._encoded.get(path)
        if found is None:
            value = self.fields.get(path)
            found = self._encoded[path] = variant_to_binary(value) if value is not None else NULL_VARIANT
        return found
