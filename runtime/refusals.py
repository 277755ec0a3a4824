"""Why settings are refused, for people: key, value and what is allowed, without secrets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, SecretStr

_LOGIN = re.compile(r"//.*@")
_KINDS = {
    "tuple_type": "allowed is a list",
    "string_type": "allowed is a text",
    "path_type": "allowed is the path of a file",
    "bool_type": "allowed is true or false",
    "literal_error": "allowed is {expected}",
    "greater_than": "allowed is more than {gt}",
    "greater_than_equal": "allowed is {ge} or more",
    "less_than": "allowed is less than {lt}",
    "less_than_equal": "allowed is {le} or less",
}


def explain(model: type[BaseModel], item: Any) -> str:
    """Return the text of one of a `ValidationError`'s errors."""
    place = item["loc"]
    key = ".".join(str(part) for part in place)
    kind, found = item["type"], _inside(model, place)
    if kind == "extra_forbidden":
        return f"{key}: unknown key; allowed are {_keys(_inside(model, place[:-1]))}"
    if kind == "missing":
        return f"{key}: is missing"
    if kind == "model_type":
        message = f"allowed is a mapping of {_keys(found)}"
    elif kind in _KINDS:
        message = _KINDS[kind].format_map(item.get("ctx", {}))
    else:
        message = item["msg"].removeprefix("Value error, ")
    shown = "" if _is_secret(found) else f" {_LOGIN.sub('//***@', repr(item['input']))}:"
    return f"{key}:{shown} {message}"


def _inside(model: type[BaseModel], place: Sequence[str | int]) -> Any:
    """Return the model or type at a place; None where there is none."""
    found: Any = model
    for part in place:
        if isinstance(part, int):  # within a list, whose items' type was taken already
            continue
        field = getattr(found, "model_fields", {}).get(part)
        if field is None:
            return None
        found = _core(field.annotation)
    return found


def _core(annotation: Any) -> Any:
    """Return the model or the secret within unions and tuples."""
    for argument in get_args(annotation):
        core = _core(argument)
        if core is SecretStr or hasattr(core, "model_fields"):
            return core
    return annotation


def _is_secret(found: Any) -> bool:
    fields = getattr(found, "model_fields", {})
    return found is SecretStr or any(_is_secret(_core(field.annotation)) for field in fields.values())


def _keys(found: Any) -> str:
    return ", ".join(getattr(found, "model_fields", {}))
