"""The paths of the HTTP API as one page, made of its OpenAPI document; nothing is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }}
code {{ background: #8882; padding: 0 .3em }} td {{ vertical-align: top; padding-right: 1em }}
</style><h1>{title}</h1><p>{description} Machines read <a href="/openapi.json">openapi.json</a>.</p>"""


def reference_page(document: Mapping[str, Any]) -> str:
    """Return HTML of an OpenAPI document."""
    head = _HEAD.format(**{name: escape(document["info"][name]) for name in ("title", "description")})
    return head + "".join(_path(path, methods["get"]) for path, methods in document["paths"].items())


def _path(path: str, question: Mapping[str, Any]) -> str:
    rows = "".join(_rows(question.get("parameters", ())))
    return f"<h2><code>{escape(path)}</code></h2><p>{escape(question.get('description', ''))}</p><table>{rows}</table>"


def _rows(parameters: Any) -> Iterator[str]:
    for each in parameters:
        schema = each["schema"]
        usual = (
            "required" if each.get("required") else f"without: <code>{escape(str(schema.get('default', '')))}</code>"
        )
        text = escape(each.get("description", ""))
        yield f"<tr><td><code>{escape(each['name'])}</code><td>{text}<td>{usual}</tr>"
