"""YAML as trees of plain values, where a key stands once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else key_node
            if key in seen:
                problem = f"the key {key!r} stands twice"
                raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def parse(text: str) -> Any:
    """Return what the text says.

    Raises:
        ValueError: saying where and why it is no YAML; never with the text, which may hold a password.
    """
    try:
        return yaml.load(text, _Loader)  # nosec B506 # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        message = f"not YAML: {where}{error.problem or error.context}"
    except yaml.YAMLError as error:  # a character that may not stand there
        message = f"not YAML: {getattr(error, 'reason', 'unreadable')}"
    except (ValueError, RecursionError) as error:  # a date such as 2026-13-01, or brackets without end
        message = f"not YAML: {error}"
    raise ValueError(message)
