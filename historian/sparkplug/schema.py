"""The Protocol Buffers message of Sparkplug B payloads, made of field numbers and types (Sparkplug 3.0 §6.4.1): pure.

What is sent or understood here stands in it; of the rest (data sets, templates, metadata) a parser keeps what it does
not know and says nothing of it.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE: Final = "org.eclipse.tahu.protobuf"
_FIELD: Final[Any] = descriptor_pb2.FieldDescriptorProto
_ONE, _MANY = _FIELD.LABEL_OPTIONAL, _FIELD.LABEL_REPEATED
_TYPES: Final = {
    "uint32": _FIELD.TYPE_UINT32, "uint64": _FIELD.TYPE_UINT64, "float": _FIELD.TYPE_FLOAT,
    "double": _FIELD.TYPE_DOUBLE, "bool": _FIELD.TYPE_BOOL, "string": _FIELD.TYPE_STRING, "bytes": _FIELD.TYPE_BYTES,
}  # fmt: skip

_Fields = list[tuple[int, str, str]]
"""Number, type and name; a type with `*` comes many times, one with `|` is one of `value`."""

_PROPERTY_VALUE: Final[_Fields] = [
    (1, "uint32", "type"), (2, "bool", "is_null"), (3, "uint32|", "int_value"), (4, "uint64|", "long_value"),
    (5, "float|", "float_value"), (6, "double|", "double_value"), (7, "bool|", "boolean_value"),
    (8, "string|", "string_value"),
]  # fmt: skip
_PROPERTY_SET: Final[_Fields] = [(1, "string*", "keys"), (2, "PropertyValue*", "values")]
_METRIC: Final[_Fields] = [
    (1, "string", "name"), (2, "uint64", "alias"), (3, "uint64", "timestamp"), (4, "uint32", "datatype"),
    (5, "bool", "is_historical"), (6, "bool", "is_transient"), (7, "bool", "is_null"),
    (9, "PropertySet", "properties"), (10, "uint32|", "int_value"), (11, "uint64|", "long_value"),
    (12, "float|", "float_value"), (13, "double|", "double_value"), (14, "bool|", "boolean_value"),
    (15, "string|", "string_value"), (16, "bytes|", "bytes_value"),
]  # fmt: skip
_PAYLOAD: Final[_Fields] = [
    (1, "uint64", "timestamp"), (2, "Metric*", "metrics"), (3, "uint64", "seq"), (4, "string", "uuid"),
    (5, "bytes", "body"),
]  # fmt: skip
_INNER: Final = {"PropertyValue": _PROPERTY_VALUE, "PropertySet": _PROPERTY_SET, "Metric": _METRIC}


def _fill(message: Any, fields: _Fields) -> None:
    """Give a message's descriptor its fields."""
    if any(kind.endswith("|") for _, kind, _ in fields):
        message.oneof_decl.add(name="value")
    for number, kind, name in fields:
        inner = kind.rstrip("*|")
        field = message.field.add(name=name, number=number, label=_MANY if kind.endswith("*") else _ONE)
        if inner in _TYPES:
            field.type = _TYPES[inner]
        else:
            field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{_PACKAGE}.Payload.{inner}"
        if kind.endswith("|"):
            field.oneof_index = 0


def _made() -> Any:
    file: Any = descriptor_pb2.FileDescriptorProto(name="sparkplug_b.proto", package=_PACKAGE, syntax="proto2")
    payload = file.message_type.add(name="Payload")
    _fill(payload, _PAYLOAD)
    for name, fields in _INNER.items():
        _fill(payload.nested_type.add(name=name), fields)
    pool: Any = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


Payload: Final[Any] = _made()
"""The message's class, of a descriptor pool of its own: another program's Sparkplug in this process is no matter."""
