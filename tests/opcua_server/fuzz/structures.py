"""Random but well-formed structures: whatever asyncua has a class for, its fields filled by their types."""

from __future__ import annotations

import functools
import random
import uuid
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any, get_args

from asyncua import ua
from asyncua.ua.ua_binary import get_safe_type_hints, struct_to_binary

REQUESTS = sorted(
    (kind for name, kind in vars(ua).items() if name.endswith("Request") and hasattr(kind, "RequestHeader")),
    key=lambda kind: str(kind.__name__),
)
"""Every request that asyncua knows."""
_OBJECTS = [
    ua.DataChangeFilter,
    ua.EventFilter,
    ua.AggregateFilter,
    ua.ReadRawModifiedDetails,
    ua.ReadProcessedDetails,
    ua.ReadAtTimeDetails,
    ua.ReadEventDetails,
    ua.UpdateDataDetails,
    ua.DeleteRawModifiedDetails,
    ua.AnonymousIdentityToken,
    ua.UserNameIdentityToken,
    ua.X509IdentityToken,
    ua.LiteralOperand,
    ua.ElementOperand,
    ua.SimpleAttributeOperand,
    ua.AttributeOperand,
    ua.Argument,
    ua.EUInformation,
    ua.VariableAttributes,
]
_TEXTS = ["", "R101.T", "R101.TIC101.SP", "Server", "1:2", "0:1,0:1", "Default Binary", "opc.tcp://x", "é\0\n" * 9]
_NUMBERS = [0, 1, 2, 3, 13, 84, 85, 2253, 2255, 11492, 0x7FFF, 0xFFFF]
_SIZES = {"SByte": 8, "Byte": 8, "Int16": 16, "UInt16": 16, "Int32": 32, "UInt32": 32, "Int64": 64, "UInt64": 64}
_MOST_DEPTH = 6
_VARIANT_TYPES = [kind for kind in ua.VariantType if kind is not ua.VariantType.DiagnosticInfo]


@functools.cache
def _hints(kind: type[Any]) -> list[tuple[str, Any]]:
    """Return the fields that are to be filled, and their types."""
    hints = get_safe_type_hints(kind, {"ua": ua})
    kept = ("Encoding", "TypeId", "RequestHeader")
    return [(field.name, hints[field.name]) for field in fields(kind) if field.init and field.name not in kept]


class Structures:
    """Makes them from one random generator."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def body(self, kind: type[Any], token: ua.NodeId) -> bytes:
        """Return a request of a kind on the wire."""
        while True:
            request = self._structure(kind, 0)
            request.RequestHeader = ua.RequestHeader(AuthenticationToken=token, RequestHandle=7)
            try:
                return struct_to_binary(request)
            except (ua.UaError, ValueError, TypeError, OverflowError, AttributeError):
                continue  # asyncua has classes that it cannot encode

    def variant(self, depth: int = 0) -> ua.Variant:
        """Return a value of any type, an array now and then."""
        kind = self._chance.choice(_VARIANT_TYPES)
        if self._chance.random() < 0.2:
            return ua.Variant([self._builtin(kind.name, depth + 1) for _ in range(self._chance.randrange(4))], kind)
        return ua.Variant(self._builtin(kind.name, depth + 1), kind)

    def _structure(self, kind: type[Any], depth: int) -> Any:
        made = kind()
        for name, hint in _hints(kind):
            object.__setattr__(made, name, self._value(hint, depth + 1))
        return made

    def _value(self, hint: Any, depth: int) -> Any:
        arguments = [each for each in get_args(hint) if each is not type(None)]
        if getattr(hint, "__origin__", None) is list:
            return [self._value(arguments[0], depth) for _ in range(self._few(depth))]
        if arguments:
            is_left_out = type(None) in get_args(hint) and self._chance.random() < 0.5
            return None if is_left_out else self._value(arguments[0], depth)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return self._chance.choice(list(hint))
        name = hint.__name__ if isinstance(hint, type) else str(hint)
        if is_dataclass(hint) and not hasattr(ua.VariantType, name):
            return self._structure(hint, depth) if isinstance(hint, type) else None
        return self._builtin(name, depth)

    def _few(self, depth: int) -> int:
        return self._chance.randrange(4) if depth < _MOST_DEPTH else 0

    def _builtin(self, name: str, depth: int) -> Any:
        chance = self._chance
        if name in _SIZES:
            return chance.choice((0, 1, chance.getrandbits(_SIZES[name] - 1), (1 << (_SIZES[name] - 1)) - 1))
        if name in ("Variant", "DataValue", "ExtensionObject") and depth > _MOST_DEPTH:
            return {"Variant": ua.Variant(), "DataValue": ua.DataValue()}.get(name)
        match name:
            case "Boolean":
                return chance.random() < 0.5
            case "Float" | "Double" | "Duration":
                return chance.choice((0.0, -1.0, 1.5, 1e38, float("inf"), float("nan")))
            case "String" | "CharArray" | "XmlElement" | "LocaleId":
                text = chance.choice(_TEXTS)
                return text.encode() if name == "XmlElement" else text
            case "ByteString":
                return chance.randbytes(chance.choice((0, 1, 32, 600)))
            case "DateTime" | "UtcTime":
                return datetime(chance.randint(1601, 9999), 1, 1)
            case "Guid":
                return uuid.UUID(int=chance.getrandbits(128))
            case "NodeId" | "ExpandedNodeId":
                return self._node_id(ua.ExpandedNodeId if name == "ExpandedNodeId" else ua.NodeId)
            case "QualifiedName":
                return ua.QualifiedName(chance.choice(_TEXTS), chance.randrange(4))
            case "LocalizedText":
                return ua.LocalizedText(chance.choice(_TEXTS), "en")
            case "StatusCode":
                return ua.StatusCode(chance.choice((0, 0x80000000, 0x40000000, chance.getrandbits(32))))
            case "Variant":
                return self.variant(depth)
            case "DataValue":
                return ua.DataValue(self.variant(depth), ua.StatusCode(chance.choice((0, 0x80000000))))
            case "ExtensionObject":
                return self._structure(chance.choice(_OBJECTS), depth)
            case "DiagnosticInfo":
                return ua.DiagnosticInfo()
        return None

    def _node_id(self, kind: type[ua.NodeId]) -> ua.NodeId:
        chance = self._chance
        namespace = chance.randrange(4)
        match chance.randrange(5):
            case 0:
                return kind(chance.choice(_NUMBERS), 0)
            case 1:
                return kind(chance.choice(_NUMBERS), namespace)
            case 2:
                return kind(chance.choice(_TEXTS), namespace)
            case 3:
                return kind(chance.randbytes(8), namespace)
        return kind(uuid.UUID(int=chance.getrandbits(128)), namespace)
